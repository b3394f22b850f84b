{#- A query of the streams behind each mart, `mart` and `stream`: all sources of RAW that its model depends on, by the
    project's graph. A mart without streams, such as a calendar, has no row. -#}
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


{#- A query of the streams that have a contract, `stream`. Records of other streams come from older releases. -#}
{% macro contract_streams() -%}
    {%- for stream in raw_streams() -%}
        {{ 'select ' if loop.first else ' union all select ' }}'{{ stream }}' as stream
    {%- else -%}
        select cast(null as varchar) as stream
    {%- endfor -%}
{%- endmacro %}


{#- The streams whose tables a node depends on, directly or indirectly. -#}
{% macro streams_behind(unique_id) -%}
    {%- set known = raw_streams() -%}
    {%- set streams, seen, left = [], [], [unique_id] -%}
    {%- for step in range((graph.nodes | length) + (graph.sources | length)) if left -%}
        {%- set name = left.pop() -%}
        {%- if name in graph.sources -%}
            {%- set source = graph.sources[name] -%}
            {%- set stream = source.name if source.name in known else source.name.rpartition('__')[0] -%}
            {%- if source.source_name == 'raw' and stream in known and stream not in streams -%}
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


{#- The sources of RAW that are streams: not the ledger, and no auxiliary table of a stream, `<stream>__<suffix>`. -#}
{% macro raw_streams() -%}
    {%- set names = [] -%}
    {%- if execute -%}
        {%- for source in graph.sources.values() if source.source_name == 'raw' and not source.name.startswith('_') -%}
            {%- do names.append(source.name) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set streams = [] -%}
    {%- for name in names if name.rpartition('__')[0] not in names -%}
        {%- do streams.append(name) -%}
    {%- endfor -%}
    {{ return(streams | sort) }}
{%- endmacro %}
