{#- A query of which streams are behind which mart, `mart` and `stream`: all sources of RAW that its model is made of, by
    the graph of the project. A mart of no stream, such as a calendar, has no row. -#}
{% macro mart_streams() -%}
    {%- set pairs = [] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() | sort(attribute='unique_id') -%}
            {%- if node.resource_type == 'model' and node.fqn[1] == 'marts' -%}
                {%- for stream in streams_behind(node.unique_id) -%}
                    {%- do pairs.append((node.name, stream)) -%}
                {%- endfor -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {%- for mart, stream in pairs -%}
        {{ 'select ' if loop.first else ' union all select ' }}'{{ mart }}' as mart, '{{ stream }}' as stream
    {%- else -%}
        select cast(null as varchar) as mart, cast(null as varchar) as stream
    {%- endfor -%}
{%- endmacro %}


{#- The streams whose tables a node is made of, directly or by way of others. -#}
{% macro streams_behind(unique_id) -%}
    {%- set streams, seen, left = [], [], [unique_id] -%}
    {%- for step in range((graph.nodes | length) + (graph.sources | length)) if left -%}
        {%- set name = left.pop() -%}
        {%- if name in graph.sources -%}
            {%- set source = graph.sources[name] -%}
            {%- set stream = source.name.removesuffix('__keys') -%}
            {%- if source.source_name == 'raw' and source.name != '_loads' and stream not in streams -%}
                {%- do streams.append(stream) -%}
            {%- endif -%}
        {%- elif name in graph.nodes -%}
            {%- for parent in graph.nodes[name].depends_on.nodes if parent not in seen -%}
                {%- do seen.append(parent) -%}
                {%- do left.append(parent) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(streams | sort) }}
{%- endmacro %}
