-- The same, each with the orders that are attributed to it.
select
    messages.*,
    coalesce(attributed.ordered, 0) as ordered,
    coalesce(attributed.message_orders, 0) as message_orders,
    coalesce(attributed.message_revenue, 0) as message_revenue
from ({{ relation messages }}) as messages
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
