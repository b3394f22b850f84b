-- At no moment has an address two holders, or a period without length.
select *
from (
    select
        *,
        lead(valid_from) over (partition by email_hash order by valid_from, customer_id) as next_from
    from {{ ref('int_address_holders') }}
) as holders
where valid_from >= valid_to or next_from < valid_to
