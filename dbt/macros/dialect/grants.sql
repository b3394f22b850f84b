{#- What a relation's grants say, and nothing is taken away: who else may read is the account's decision (Terraform's
    future grants). A privilege that is there already, which future grants see to, is not granted again: in a schema with
    managed access that another role owns, dbt's may not. dbt's own macro would grant it, and revoke the others'. -#}
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
