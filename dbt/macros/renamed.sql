{#- Before a mart that had another name: the table under that name, which no run writes any more, so that nobody reads it on. -#}
{% macro drop_renamed(name) -%}
    {%- if execute -%}
        {%- set old = adapter.get_relation(this.database, this.schema, stored_name(name)) -%}
        {%- if old is not none -%}
            drop table {{ old }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
