{#- What the source has gained since a staging model was written: the loader adds such columns to RAW, and staging
    shows them under their own names until somebody maps them. -#}

{#- The RAW columns that the staging models map by hand. Whoever maps a new one adds it here. -#}
{% macro mapped_columns(stream) -%}
    {{ return({
        'campaigns': ['campaign_id', 'updated_at', 'payload'],
        'customers': [
            'customer_id', 'email', 'full_name', 'country', 'marketing_consent', 'signed_up_at', 'created_at', 'updated_at'
        ],
        'email_events': ['event_id', 'received_at', 'payload'],
        'order_items': [
            'order_item_id', 'order_id', 'line_number', 'product_id', 'warehouse_id', 'quantity', 'unit_price',
            'discount_rate', 'line_total', 'created_at', 'updated_at'
        ],
        'orders': [
            'order_id', 'customer_id', 'status', 'currency', 'total_amount', 'placed_at', 'created_at', 'updated_at'
        ],
        'products': [
            'product_id', 'sku', 'name', 'category', 'price', 'currency', 'attributes', 'is_active', 'created_at',
            'updated_at'
        ],
        'stock_levels': ['warehouse_id', 'product_id', 'on_hand', 'reorder_point', 'created_at', 'updated_at'],
        'stock_movements': [
            'movement_id', 'warehouse_id', 'product_id', 'quantity', 'reason', 'order_id', 'moved_at', 'created_at'
        ],
        'warehouses': [
            'warehouse_id', 'code', 'name', 'city', 'country', 'opened_on', 'created_at', 'updated_at'
        ],
    }[stream]) }}
{%- endmacro %}

{#- The new columns as lines of a SELECT, each with its comma. Instants become UTC as everywhere in staging; a name
    that the model has already is shown as source_<name>. -#}
{% macro new_columns(stream) -%}
    {%- set relation = source('raw', stream) if execute and flags.INTROSPECT else none -%}
    {#- A unit test's rows stand in no schema. -#}
    {%- if relation is not none and relation.schema is not none
        and adapter.get_relation(relation.database, relation.schema, relation.identifier) -%}
        {%- set mapped = mapped_columns(stream) -%}
        {%- set taken = model.columns.keys() | map('lower') | list -%}
        {%- for column in adapter.get_columns_in_relation(relation) -%}
            {%- set name = column.name -%}
            {%- if name | lower not in mapped and not is_bookkeeping(name) -%}
                {%- set shown = stored_name('source_' ~ name) if name | lower in taken else name -%}
                {%- set value = adapter.quote(name) -%}
                {%- set value = to_utc(value) if is_instant(column.data_type) else value -%}
        {{ value }} as {{ adapter.quote(shown) }},
        {% endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{% macro is_bookkeeping(name) -%}
    {{ return(name | lower in ['_batch_id', '_log_version', '_row_number', '_extracted_at']) }}
{%- endmacro %}

{% macro is_instant(data_type) -%}
    {{ return(data_type | upper in ['TIMESTAMP WITH TIME ZONE', 'TIMESTAMPTZ', 'TIMESTAMP_TZ']) }}
{%- endmacro %}
