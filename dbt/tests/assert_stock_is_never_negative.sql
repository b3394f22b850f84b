-- No shelf ever held less than nothing: not now, and not after any movement in the past.
select warehouse_id, product_id, balance_after as quantity
from {{ ref('int_stock_ledger') }}
where balance_after < 0

union all

select warehouse_id, product_id, on_hand
from {{ ref('stg_stock_levels') }}
where on_hand < 0
