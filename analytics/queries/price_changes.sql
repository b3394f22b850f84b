-- List prices that changed within the period, and what was sold a day in the 14 days before and after,
-- once these are over. The newest ones first: what was sold is looked for around those alone that are shown.
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
    order by changed_on desc, sku, product_id
    limit 500
),

today as (
    select max(calendar_date) as calendar_date
    from dim_date
    where out_of_range is null
),

-- A row for each day around a change, so that lines are found by product and day.
around as (
    select distinct changes.product_id, changes.changed_on, days.calendar_date
    from changes
    inner join dim_date as days on datediff('day', changes.changed_on, days.calendar_date) between -14 and 13
    where days.out_of_range is null
),

sold as (
    select
        around.product_id,
        around.changed_on,
        sum(case when lines.order_date < around.changed_on then lines.quantity end) as units_before,
        sum(case when lines.order_date >= around.changed_on then lines.quantity end) as units_after
    from around
    inner join fct_order_lines as lines
        on lines.product_id = around.product_id and lines.order_date = around.calendar_date
    where not lines.is_cancelled
    group by around.product_id, around.changed_on
)

select
    changes.sku,
    changes.product_name,
    changes.category,
    changes.changed_on,
    changes.price_before,
    changes.list_price,
    cast(changes.list_price as double) / nullif(changes.price_before, 0) - 1 as price_change,
    coalesce(sold.units_before, 0) / 14.0 as sold_before,
    case
        when datediff('day', changes.changed_on, today.calendar_date) >= 14
            then coalesce(sold.units_after, 0) / 14.0
    end as sold_after
from changes
cross join today
left join sold on sold.product_id = changes.product_id and sold.changed_on = changes.changed_on
order by changes.changed_on desc, changes.sku, changes.product_id
limit 500
