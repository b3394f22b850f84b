{#- A snapshot's versions of a key follow one another without a gap or an overlap, and the last one alone is open. What breaks
    this is mended by `dbt run-operation mend_snapshots`. -#}
{% test one_open_version(model, key) %}

{{ broken_histories(model, key) }}

{% endtest %}
