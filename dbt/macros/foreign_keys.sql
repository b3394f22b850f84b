{#- The foreign keys that the model of the present test declares in its YAML: `column`, and the `parent` and `field`
    that it refers to. dbt makes a model depend on the parents of its constraints, so they exist when it is tested. -#}
{% macro declared_foreign_keys() -%}
    {%- set keys = [] -%}
    {%- if execute -%}
        {%- for column in graph.nodes[model.attached_node].columns.values() -%}
            {%- for constraint in column.constraints if constraint.type == 'foreign_key' -%}
                {%- do keys.append({
                    'column': column.name,
                    'parent': relation_of(constraint.to),
                    'field': constraint.to_columns[0],
                }) -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- if not keys -%}
            {{ exceptions.raise_compiler_error(model.attached_node ~ " declares no foreign key that could be tested.") }}
        {%- endif -%}
    {%- endif -%}
    {{ return(keys) }}
{%- endmacro %}

{#- The relation that a constraint's `to` names: ref('...') in the project, or a relation after dbt has compiled the
    model. -#}
{% macro relation_of(to) -%}
    {%- set name = modules.re.fullmatch("\s*ref\(\s*['\"](\w+)['\"]\s*\)\s*", to) -%}
    {%- if not name -%}
        {{ return(to) }}
    {%- endif -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name == name.group(1) -%}
        {{ return(node.relation_name) }}
    {%- endfor -%}
    {{ exceptions.raise_compiler_error("There is no model " ~ name.group(1) ~ ", which a foreign key refers to.") }}
{%- endmacro %}
