{{ config(materialized='incremental', incremental_strategy='merge', unique_key='order_id') }}

{{ current_rows('orders', orders_columns()) }}
