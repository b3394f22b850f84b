{# The origin of a statement, as JSON in a comment at its end: the platform's run and the node. The run is not in the
   profile, such as in Snowflake's QUERY_TAG, because dbt parses the whole project again after a change of the profile.
   #}
{% macro statement_comment(node) -%}
  {%- set facts = {"app": "dbt", "run": env_var('FLOW_RUN_ID', '')} -%}
  {%- do facts.update({"node_id": node.unique_id}) if node -%}
  {{ return(tojson(facts)) }}
{%- endmacro %}
