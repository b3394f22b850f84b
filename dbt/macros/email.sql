{#- An e-mail address in the form in which it may leave STAGING: salted SHA-256 of the trimmed, lower-case address. No
    SQL holds the salt: it is a variable of the session that builds the model, which the model's pre-hook sets: `{{
    config(pre_hook="{{ set_email_salt() }}") }}`. So it is in no compiled SQL, manifest or parsing that dbt keeps. The
    log of `--log-level-file debug`, and Snowflake's query history, do hold the statement that sets it. After a change
    of the salt, rebuild everything with --full-refresh. -#}
{% macro hash_email(address) -%}
    {%- if execute and model.resource_type != 'unit_test' and 'set_email_salt()' not in model.config | string -%}
        {{ exceptions.raise_compiler_error(
            "What hashes addresses is a model with config(pre_hook=\"{{ set_email_salt() }}\"): without, there is no salt."
        ) }}
    {%- endif -%}
    {{ return(sha256_hex(email_salt() ~ " || lower(trim(" ~ address ~ "))")) }}
{%- endmacro %}

{#- The statement that sets the session's salt from the environment variable EMAIL_SALT. It is empty while dbt parses,
    because dbt keeps the environment variables that a project reads while it is parsed. -#}
{% macro set_email_salt() -%}
    {%- if not execute -%}
        {{ return('') }}
    {%- endif -%}
    {%- set environment = env_var('ENVIRONMENT', '') or 'production' -%}
    {%- set salt = env_var('EMAIL_SALT', '') or ('dev-only-salt' if environment == 'dev' else '') -%}
    {%- if environment != 'dev' and salt in ['', 'dev-only-salt'] -%}
        {{ exceptions.raise_compiler_error(
            "ENVIRONMENT is '" ~ environment ~ "' and EMAIL_SALT is not set: the development salt is public. "
            ~ "Set EMAIL_SALT to a secret of this environment."
        ) }}
    {%- endif -%}
    {%- if not modules.re.fullmatch('[A-Za-z0-9._~+/=-]{1,256}', salt) -%}
        {{ exceptions.raise_compiler_error(
            "EMAIL_SALT must be at most 256 letters, digits and . _ ~ + / = - (others are quoted differently by each "
            ~ "warehouse)."
        ) }}
    {%- endif -%}
    {{ return(adapter.dispatch('set_session_text')('email_salt', salt)) }}
{%- endmacro %}

{#- The session's salt, as an SQL expression. -#}
{% macro email_salt() -%}
    {{ return(adapter.dispatch('session_text')('email_salt')) }}
{%- endmacro %}
