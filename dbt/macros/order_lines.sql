{#- After the merge of fct_order_lines, in the same transaction if the warehouse has one: deletes lines that the source
    deleted, and lines that moved to an order that has not landed. -#}
{% macro delete_lines_gone_at_source() -%}
    {%- if is_incremental() -%}
    delete from {{ this }}
    where order_item_id in (
        select items.order_item_id
        from {{ ref('int_order_items') }} as items
        left join {{ ref('int_orders') }} as orders on orders.order_id = items.order_id
        where items.is_deleted or orders.is_deleted or orders.order_id is null
    )
    {%- endif -%}
{%- endmacro %}
