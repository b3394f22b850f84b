{#- Names and expressions of the streams that both a staging view and an incremental model read: written once, here.
    The other streams' stand in their staging models. -#}

{% macro orders_columns() -%}
    {{ return({
        'order_id': 'order_id',
        'customer_id': 'customer_id',
        'order_status': 'status',
        'currency': 'currency',
        'order_total': 'total_amount',
        'placed_at': to_utc('placed_at'),
        'created_at': to_utc('created_at'),
        'updated_at': to_utc('updated_at'),
    }) }}
{%- endmacro %}

{% macro order_items_columns() -%}
    {{ return({
        'order_item_id': 'order_item_id',
        'order_id': 'order_id',
        'line_number': 'line_number',
        'product_id': 'product_id',
        'warehouse_id': 'warehouse_id',
        'quantity': 'quantity',
        'unit_price': 'unit_price',
        'discount_rate': 'discount_rate',
        'line_total': 'line_total',
        'created_at': to_utc('created_at'),
        'updated_at': to_utc('updated_at'),
    }) }}
{%- endmacro %}

{% macro stock_movements_columns() -%}
    {{ return({
        'movement_id': 'movement_id',
        'warehouse_id': 'warehouse_id',
        'product_id': 'product_id',
        'quantity': 'quantity',
        'reason': 'reason',
        'order_id': 'order_id',
        'moved_at': to_utc('moved_at'),
        'created_at': to_utc('created_at'),
    }) }}
{%- endmacro %}

{% macro email_events_columns() -%}
    {{ return({
        'event_id': 'event_id',
        'event_type': json_text('payload', 'type'),
        'message_id': json_text('payload', 'message_id'),
        'campaign_id': json_text('payload', 'campaign_id'),
        'recipient': json_text('payload', 'recipient'),
        'occurred_at': text_to_utc(json_text('payload', 'occurred_at')),
        'received_at': to_utc('received_at'),
        'link_url': json_text('payload', 'link.url'),
        'link_sku': json_text('payload', 'link.sku'),
        'bounce_class': json_text('payload', 'bounce.class'),
        'bounce_code': whole_number(json_text('payload', 'bounce.code')),
        'bounce_reason': json_text('payload', 'bounce.reason'),
        'user_agent': json_text('payload', 'user_agent'),
    }) }}
{%- endmacro %}
