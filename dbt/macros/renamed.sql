{#- Runs before a mart that has been renamed: drops the table under the old name, which no run writes any more, so that
    nobody goes on reading it. -#}
{% macro drop_renamed(name) -%}
    {%- if execute -%}
        {%- set old = adapter.get_relation(this.database, this.schema, stored_name(name)) -%}
        {%- if old is not none -%}
            drop table {{ old }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
