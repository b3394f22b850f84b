{#- Generated from ingest/contracts by `python -m orchestration.dbt.sources`: change the contracts instead. -#}

{#- The columns that identify a row of a stream, in key order. -#}
{% macro stream_key(stream) -%}
    {{ return({
        'campaigns': ['campaign_id'],
        'customers': ['customer_id'],
        'email_events': ['event_id'],
        'order_items': ['order_item_id'],
        'orders': ['order_id'],
        'products': ['product_id'],
        'stock_levels': ['warehouse_id', 'product_id'],
        'stock_movements': ['movement_id'],
        'warehouses': ['warehouse_id'],
    }[stream]) }}
{%- endmacro %}

{#- Whether the stream's deletions are found by a pass over all keys (raw.<stream>__deletes). -#}
{% macro stream_finds_deletions(stream) -%}
    {{ return(stream in ['campaigns', 'customers', 'order_items', 'orders', 'products', 'stock_levels']) }}
{%- endmacro %}

{#- Whether the stream is landed whole on each run: its newest snapshot is all of it. -#}
{% macro stream_is_whole(stream) -%}
    {{ return(stream in ['warehouses']) }}
{%- endmacro %}
