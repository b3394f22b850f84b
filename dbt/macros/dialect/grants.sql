{#- Grants what a relation's config says, and revokes nothing: the account decides who else may read (Terraform's future
    grants). A privilege that exists already through future grants is not granted again, because in a schema with
    managed access that another role owns, dbt's role may not. dbt's own macro would grant it, and revoke others'. -#}
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
