{#
Whose a statement is: the platform's run and the node, as JSON in a comment at its end.
The run is not in the profile, such as in Snowflake's QUERY_TAG: dbt parses the whole project again when a profile has changed.
#}
{% macro statement_comment(node) -%}
  {%- set facts = {"app": "dbt", "run": env_var('FLOW_RUN_ID', '')} -%}
  {%- do facts.update({"node_id": node.unique_id}) if node -%}
  {{ return(tojson(facts)) }}
{%- endmacro %}
