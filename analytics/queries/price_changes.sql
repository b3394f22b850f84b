-- List prices that changed within the period, and what was sold a day in the 14 days before and after,
-- once these are over.
with versions as (
    select
        product_id,
        sku,
        product_name,
        coalesce(category, 'unknown') as category,
        list_price,
        valid_from,
        lag(list_price) over (partition by product_id order by version_number) as price_before
    from dim_product
),

changes as (
    select *, cast(valid_from as date) as changed_on
    from versions
    where list_price <> price_before
        and cast(valid_from as date) between :first_day and :last_day
        and (:every_category = 1 or category in (:categories))
),

today as (
    select max(calendar_date) as calendar_date
    from dim_date
    where out_of_range is null
)

select
    changes.sku,
    changes.product_name,
    changes.category,
    changes.changed_on,
    changes.price_before,
    changes.list_price,
    cast(changes.list_price as double) / nullif(changes.price_before, 0) - 1 as price_change,
    coalesce(sum(case when lines.order_date < changes.changed_on then lines.quantity end), 0) / 14.0 as sold_before,
    case
        when datediff('day', changes.changed_on, today.calendar_date) >= 14
            then coalesce(sum(case when lines.order_date >= changes.changed_on then lines.quantity end), 0) / 14.0
    end as sold_after
from changes
cross join today
left join fct_order_lines as lines
    on lines.product_id = changes.product_id
    and not lines.is_cancelled
    and datediff('day', changes.changed_on, lines.order_date) between -14 and 13
group by
    changes.sku, changes.product_name, changes.category, changes.changed_on, changes.price_before, changes.list_price,
    today.calendar_date
order by changes.changed_on desc, changes.sku
limit 500
