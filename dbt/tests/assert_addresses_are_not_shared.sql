-- Customers whose address another customer has too, in another spelling: what is sent to it goes to the first alone.
select customer_id, email_hash
from {{ ref('int_customer_versions') }}
where is_current and not is_deleted
qualify count(*) over (partition by email_hash) > 1
