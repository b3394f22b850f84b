-- Messages sent in the period under the filters, each with the orders that are attributed to it. A category says nothing
-- of a message.
select
    messages.message_id,
    messages.campaign_key,
    messages.sent_date,
    coalesce(customers.country, 'unknown') as country,
    messages.is_delivered,
    messages.is_opened,
    messages.is_opened_by_human,
    messages.is_clicked,
    messages.is_bounced,
    messages.bounce_class,
    messages.sent_at,
    messages.first_opened_at,
    messages.first_clicked_at,
    messages.unsubscribed_at,
    messages.complained_at,
    messages.consent_when_sent,
    messages.is_after_unsubscription,
    messages.is_after_hard_bounce,
    coalesce(attributed.ordered, 0) as ordered,
    coalesce(attributed.message_orders, 0) as message_orders,
    coalesce(attributed.message_revenue, 0) as message_revenue
from fct_email_messages as messages
left join dim_customer as customers on customers.customer_key = messages.customer_key
left join (
    select
        attributed_message_id,
        {{ each ordered }} as ordered,
        {{ each message_orders }} as message_orders,
        {{ each message_revenue }} as message_revenue
    from (
        select
            attributed_message_id,
            is_cancelled,
            case when currency = :currency then revenue_incl_tax end as revenue_incl_tax
        from fct_orders
        where attributed_message_id is not null
    ) as orders
    group by attributed_message_id
) as attributed on attributed.attributed_message_id = messages.message_id
where messages.sent_date between :first_day and :last_day
    and (:every_country = 1 or coalesce(customers.country, 'unknown') in (:countries))
    and (:every_campaign = 1 or messages.campaign_key in (:campaigns))
