-- Amounts in another currency than the var shop_currency. An order's is in no sum of several orders; prices and budgets are
-- shown as they are, beside their currency.
select 'order' as kind, cast(order_id as varchar) as row_id, currency
from {{ ref('fct_orders') }}
where currency <> {{ shop_currency() }}

union all

select 'product', cast(product_id as varchar), currency
from {{ ref('dim_product') }}
where is_current and currency <> {{ shop_currency() }}

union all

select 'campaign', campaign_id, currency
from {{ ref('dim_campaign') }}
where currency <> {{ shop_currency() }}
