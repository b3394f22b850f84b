{{ config(pre_hook="{{ set_email_salt() }}") }}

{%- set columns = {
    'customer_id': 'customer_id',
    'email_hash': hash_email('email'),
    'country': 'country',
    'marketing_consent': 'marketing_consent',
    'signed_up_at': to_utc('signed_up_at'),
    'updated_at': to_utc('updated_at'),
} -%}

with

versions as (
    {{ history('customers', columns, tracked=['email_hash', 'country', 'marketing_consent', 'signed_up_at']) }}
),

last_changes as (
    {{ last_changes('customers') }}
)

select
    versions.customer_id,
    versions.version_number,
    versions.email_hash,
    versions.country,
    versions.marketing_consent,
    versions.signed_up_at,
    versions.valid_from,
    versions.valid_to,
    -- The first version is valid from the beginning of time. If the address was another customer's before, this
    -- customer has it only from then on.
    case
        when versions.version_number = 1 then {{ in_history('least(versions.signed_up_at, versions.updated_at)') }}
        else versions.valid_from
    end as known_from,
    versions.is_current,
    present.customer_id is null as is_deleted,
    {{ hash_email('present.email') }} as email_hash_now,
    versions._log_version,
    last_changes.changed_version as _changed_version
from versions
inner join last_changes on last_changes.customer_id = versions.customer_id
left join {{ ref('stg_customers') }} as present on present.customer_id = versions.customer_id
