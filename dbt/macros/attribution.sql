{#- The two conditions by which an order goes to a click (int_order_attribution), of aliases. -#}

{#- Whether a period of an address is that of an event's recipient when it occurred. -#}
{% macro held_address_of(events, holders) -%}
    {{ return(
        holders ~ ".email_hash = " ~ events ~ ".recipient_hash"
        ~ " and " ~ in_history(events ~ ".occurred_at") ~ " >= " ~ holders ~ ".valid_from"
        ~ " and " ~ in_history(events ~ ".occurred_at") ~ " < " ~ holders ~ ".valid_to"
    ) }}
{%- endmacro %}

{#- Whether a click of a customer may have led to an order: theirs, and not long before it. -#}
{% macro may_have_won(clicks, customers, orders) -%}
    {{ return(
        customers ~ ".customer_id = " ~ orders ~ ".buyer_id"
        ~ " and " ~ clicks ~ ".occurred_at <= " ~ orders ~ ".placed_at"
        ~ " and " ~ at_most_days_apart(clicks ~ ".occurred_at", orders ~ ".placed_at", var('attribution_window_days'))
    ) }}
{%- endmacro %}
