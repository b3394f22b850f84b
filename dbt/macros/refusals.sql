{#- A query of the refusals among `messages`, rows of int_message_lifecycle: an unsubscription, a hard bounce, or both of a message. -#}
{% macro refusals_of(messages) -%}
    {%- for kind, column in [('unsubscribed', 'unsubscribed_at'), ('bounced hard', 'hard_bounced_at')] -%}
    {{ 'union all' if not loop.first }}
    select
        recipient_hash,
        '{{ kind }}' as kind,
        {{ column }} as refused_at,
        message_id,
        _log_version as _message_version
    from {{ messages }}
    where {{ column }} is not null
    {% endfor -%}
{%- endmacro %}
