{#- An unquoted identifier of ours as the warehouse stores it, for use between quotes. -#}
{% macro stored_name(name) -%}
    {{ return(adapter.dispatch('stored_name')(name)) }}
{%- endmacro %}

{% macro duckdb__stored_name(name) -%}
    {{ return(name) }}
{%- endmacro %}

{#- Letter by letter, as the loader does (SnowflakeDialect.quote): a letter without a single capital letter (ß) stays.
    -#}
{% macro snowflake__stored_name(name) -%}
    {%- set letters = [] -%}
    {%- for letter in name -%}
        {%- do letters.append(letter | upper if letter | upper | lower == letter else letter) -%}
    {%- endfor -%}
    {{ return(letters | join) }}
{%- endmacro %}


{#- A name of the source as an identifier, whatever its characters. This is the only way to write such a name into SQL:
    dbt's adapter.quote() puts quotes around a name but does not escape quotes within it. -#}
{% macro quoted(name) -%}
    {{ return('"' ~ stored_name(name) | replace('"', '""') ~ '"') }}
{%- endmacro %}

{#- Names as identifiers, each after `prefix`, with `separator` between them. -#}
{% macro quoted_list(names, prefix='', separator=', ') -%}
    {%- set written = [] -%}
    {%- for name in names -%}
        {%- do written.append(prefix ~ quoted(name)) -%}
    {%- endfor -%}
    {{ return(written | join(separator)) }}
{%- endmacro %}

{#- Whether two relations' rows have the same value in each of these columns, none of them null. -#}
{% macro equal_in(names, one, other) -%}
    {%- set tests = [] -%}
    {%- for name in names -%}
        {%- do tests.append(one ~ '.' ~ quoted(name) ~ ' = ' ~ other ~ '.' ~ quoted(name)) -%}
    {%- endfor -%}
    {{ return(tests | join(' and ')) }}
{%- endmacro %}


{#- Names that dbt reads from the catalog, with the quotes within them doubled. dbt's own macros (snapshots, merges,
    comments) pass such names to adapter.quote(), which then writes identifiers: otherwise a column called `x" from
    other_table --` would become SQL. Our own macros get the unescaped name by plain_name(). -#}
{% macro duckdb__get_columns_in_relation(relation) -%}
    {{ return(quotable_columns(dbt.duckdb__get_columns_in_relation(relation))) }}
{%- endmacro %}

{% macro snowflake__get_columns_in_relation(relation) -%}
    {{ return(quotable_columns(dbt.snowflake__get_columns_in_relation(relation))) }}
{%- endmacro %}

{% macro duckdb__get_columns_in_query(select_sql) -%}
    {{ return(dbt.default__get_columns_in_query(select_sql) | map('replace', '"', '""') | list) }}
{%- endmacro %}

{% macro snowflake__get_columns_in_query(select_sql) -%}
    {{ return(dbt.default__get_columns_in_query(select_sql) | map('replace', '"', '""') | list) }}
{%- endmacro %}

{% macro quotable_columns(columns) -%}
    {%- set quotable = [] -%}
    {%- for column in columns -%}
        {%- do quotable.append(api.Column(
            column.column | replace('"', '""'), column.dtype, column.char_size, column.numeric_precision,
            column.numeric_scale
        )) -%}
    {%- endfor -%}
    {{ return(quotable) }}
{%- endmacro %}

{#- The unescaped name of a column that was read from the catalog. -#}
{% macro plain_name(column) -%}
    {{ return(column.name | replace('""', '"')) }}
{%- endmacro %}
