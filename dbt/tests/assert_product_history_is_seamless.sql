-- A product's versions cover all time, one after the other: no overlap, no gap, one current.
with

versions as (
    select
        product_id,
        valid_from,
        valid_to,
        is_current,
        lag(valid_to) over (partition by product_id order by version_number) as previous_valid_to,
        lead(valid_from) over (partition by product_id order by version_number) as next_valid_from
    from {{ ref('dim_product') }}
)

select *
from versions
where valid_from >= valid_to
    or valid_from <> coalesce(previous_valid_to, {{ beginning_of_time() }})
    or valid_to <> coalesce(next_valid_from, {{ end_of_time() }})
    or is_current <> (next_valid_from is null)
