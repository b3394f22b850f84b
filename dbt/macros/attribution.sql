{#- Two conditions on aliases by which an order is attributed to a click (int_order_attribution). -#}

{#- Whether a period of an address belongs to the recipient of an event at the time of the event. -#}
{% macro held_address_of(events, holders) -%}
    {{ return(
        holders ~ ".email_hash = " ~ events ~ ".recipient_hash"
        ~ " and " ~ in_history(events ~ ".occurred_at") ~ " >= " ~ holders ~ ".valid_from"
        ~ " and " ~ in_history(events ~ ".occurred_at") ~ " < " ~ holders ~ ".valid_to"
    ) }}
{%- endmacro %}

{#- Whether a click may have led to an order: it is the same customer's, and shortly before the order. -#}
{% macro may_have_won(clicks, customers, orders) -%}
    {{ return(
        customers ~ ".customer_id = " ~ orders ~ ".buyer_id"
        ~ " and " ~ clicks ~ ".occurred_at <= " ~ orders ~ ".placed_at"
        ~ " and " ~ at_most_days_apart(clicks ~ ".occurred_at", orders ~ ".placed_at", var('attribution_window_days'))
    ) }}
{%- endmacro %}
