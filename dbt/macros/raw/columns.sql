{#- Column names and expressions of the streams that a staging view and another model both read, written only here. The
    columns of other streams stand in their staging models. -#}

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


{% macro products_columns() -%}
    {{ return({
        'product_id': 'product_id',
        'sku': 'sku',
        'product_name': 'name',
        'category': 'category',
        'list_price': 'price',
        'currency': 'currency',
        'colour': json_text('attributes', 'colour'),
        'material': json_text('attributes', 'material'),
        'weight_grams': whole_number(json_text('attributes', 'weight_grams')),
        'attributes': 'attributes',
        'is_active': 'is_active',
        'created_at': to_utc('created_at'),
        'updated_at': to_utc('updated_at'),
    }) }}
{%- endmacro %}

{% macro customers_columns() -%}
    {{ return({
        'customer_id': 'customer_id',
        'email': 'email',
        'full_name': 'full_name',
        'country': 'country',
        'marketing_consent': 'marketing_consent',
        'signed_up_at': to_utc('signed_up_at'),
        'created_at': to_utc('created_at'),
        'updated_at': to_utc('updated_at'),
    }) }}
{%- endmacro %}

{% macro warehouses_columns() -%}
    {{ return({
        'warehouse_id': 'warehouse_id',
        'warehouse_code': 'code',
        'warehouse_name': 'name',
        'city': 'city',
        'country': 'country',
        'opened_on': 'opened_on',
        'created_at': to_utc('created_at'),
        'updated_at': to_utc('updated_at'),
    }) }}
{%- endmacro %}

{% macro campaigns_columns() -%}
    {{ return({
        'campaign_id': 'campaign_id',
        'campaign_name': json_text('payload', 'name'),
        'subject': json_text('payload', 'subject'),
        'campaign_status': json_text('payload', 'status'),
        'from_address': json_text('payload', 'from_address'),
        'promoted_skus': json_text('payload', 'promoted_skus'),
        'promoted_sku_count': json_array_size('payload', 'promoted_skus'),
        'budget': exact_decimal(json_text('payload', 'budget'), 14, 2),
        'currency': json_text('payload', 'currency'),
        'scheduled_at': text_to_utc(json_text('payload', 'scheduled_at')),
        'created_at': text_to_utc(json_text('payload', 'created_at')),
        'updated_at': to_utc('updated_at'),
    }) }}
{%- endmacro %}
