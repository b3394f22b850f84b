-- The cohorts hold every message once, and every order that goes to a click in one.
with

cohorts as (
    select
        sum(messages_sent) as messages,
        sum(messages_clicked) as clicked,
        sum(attributed_orders + attributed_orders_cancelled) as orders,
        sum(attributed_revenue_incl_tax) as revenue
    from {{ ref('fct_campaign_cohorts') }}
),

messages as (
    select count(*) as messages, count(first_clicked_at) as clicked from {{ ref('fct_email_messages') }}
),

attributed as (
    select count(*) as orders, sum(case when currency = {{ shop_currency() }} then revenue_incl_tax end) as revenue
    from {{ ref('fct_orders') }}
    where attributed_campaign_key is not null
)

select *
from cohorts
cross join messages
cross join attributed
where coalesce(cohorts.messages, 0) <> messages.messages
    or coalesce(cohorts.clicked, 0) <> messages.clicked
    or coalesce(cohorts.orders, 0) <> attributed.orders
    or coalesce(cohorts.revenue, 0) <> coalesce(attributed.revenue, 0)
