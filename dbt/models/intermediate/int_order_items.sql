{{ config(materialized='incremental', incremental_strategy='merge', unique_key='order_item_id') }}

{{ current_rows('order_items', order_items_columns()) }}
