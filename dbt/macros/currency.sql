{#- The shop's currency (var shop_currency, ISO 4217) as a literal. Amounts are summed only in this currency. An order
    in another counts in no sum of several orders, and assert_amounts_are_in_the_shops_currency warns of it. -#}
{% macro shop_currency() -%}
    {%- set currency = var('shop_currency') | string -%}
    {%- if not modules.re.fullmatch('[A-Z]{3}', currency) -%}
        {{ exceptions.raise_compiler_error("The var shop_currency is '" ~ currency ~ "': it must be a code of ISO 4217, such as EUR.") }}
    {%- endif -%}
    {{ return("'" ~ currency ~ "'") }}
{%- endmacro %}
