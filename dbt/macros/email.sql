{#- An e-mail address as it may leave STAGING: salted SHA-256 of the trimmed, lower-case address.

    The salt is the environment variable EMAIL_SALT. It stands in the compiled SQL, so treat target/, dbt's debug log
    and the warehouse's query history as the salt's neighbours; whoever changes it rebuilds all with --full-refresh. -#}
{% macro hash_email(address) -%}
    {{ return(sha256_hex("'" ~ email_salt() ~ "' || lower(trim(" ~ address ~ "))")) }}
{%- endmacro %}

{% macro email_salt() -%}
    {%- set development = 'dev-only-salt' -%}
    {%- set environment = env_var('ENVIRONMENT', '') or 'production' -%}
    {%- set salt = env_var('EMAIL_SALT', development) -%}
    {%- if environment != 'dev' and salt == development -%}
        {{ exceptions.raise_compiler_error(
            "ENVIRONMENT is '" ~ environment ~ "' and EMAIL_SALT is not set: the development salt is public. "
            ~ "Set EMAIL_SALT to a secret of this environment."
        ) }}
    {%- endif -%}
    {%- if not modules.re.fullmatch('[A-Za-z0-9._~+/=-]+', salt) -%}
        {{ exceptions.raise_compiler_error(
            "EMAIL_SALT must be letters, digits and . _ ~ + / = - (others are quoted differently by each warehouse)."
        ) }}
    {%- endif -%}
    {{ return(salt) }}
{%- endmacro %}
