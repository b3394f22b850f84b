{#- What a relation's grants say, and nothing is taken away: whoever else may read is the account's decision (Terraform's
    future grants), and in a schema with managed access dbt's role may not grant at all. So a privilege that is there
    already, which future grants see to, is not granted again; dbt's own would also revoke the others'. -#}
{% macro snowflake__apply_grants(relation, grant_config, should_revoke=True) -%}
    {%- if grant_config -%}
        {%- set present = adapter.standardize_grants_dict(run_query(get_show_grant_sql(relation))) -%}
        {%- set missing = diff_of_two_dicts(grant_config, present) -%}
        {%- set statements = get_dcl_statement_list(relation, missing, get_grant_sql) -%}
        {%- if statements -%}
            {{ call_dcl_statements(statements) }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
