{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='event_id',
    post_hook="{{ cluster_by('event_date') }}",
) }}

with

-- Without the unknown member, whose identifier a real customer may have.
customers as (
    select * from {{ ref('dim_customer') }} where customer_key <> {{ unknown_key() }}
),

-- The holder of each address at each time; no holder if no row is left of the customer.
holders as (
    select holders.email_hash, holders.valid_from, holders.valid_to, customers.customer_key
    from {{ ref('int_address_holders') }} as holders
    inner join customers on customers.customer_id = holders.customer_id
),

customers_landed as (
    {{ customers_version() }}
),

{% if is_incremental() -%}
touched as (
    {{ addresses_touched() }}
),

-- With their versions, which equal those of int_email_events unless they are higher there. By these versions, no older
-- event has to be read.
to_write as (
    select event_id, _log_version
    from {{ ref('int_email_events') }}
    where _log_version > (select coalesce(max(_log_version), 0) from {{ this }})

    union

    select event_id, _log_version
    from {{ this }}
    where {{ calendar_has_moved('event_date', 'cast(occurred_at as date)') }}
        or {{ local_calendar_has_moved('event_local_date', 'occurred_at') }}

    union

    -- An address that changed hands before the event and whose version landed after it; or a customer who was erased
    -- since.
    select known.event_id, known._log_version
    from {{ this }} as known
    inner join touched on touched.email_hash = known.recipient_hash
    left join holders
        on holders.email_hash = known.recipient_hash
        and {{ in_history('known.occurred_at') }} >= holders.valid_from
        and {{ in_history('known.occurred_at') }} < holders.valid_to
    where known.customer_key <> coalesce(holders.customer_key, {{ unknown_key() }})
),
{%- endif %}

events as (
    select events.*
    from {{ ref('int_email_events') }} as events
    {%- if is_incremental() %}
    inner join to_write on to_write.event_id = events.event_id and to_write._log_version = events._log_version
    {%- endif %}
)

select
    events.event_id,
    {{ calendar_day('cast(events.occurred_at as date)') }} as event_date,
    {{ local_calendar_member('events.occurred_at') }} as event_local_date,
    {{ surrogate_key('campaign', ['events.campaign_id']) }} as campaign_key,
    coalesce(holders.customer_key, {{ unknown_key() }}) as customer_key,
    events.message_id,
    events.recipient_hash,
    events.event_type,
    events.is_machine_open,
    events.occurred_at,
    events.received_at,
    cast({{ dbt.datediff('events.occurred_at', 'events.received_at', 'second') }} as bigint) as seconds_to_receipt,
    events.link_sku,
    events.bounce_class,
    cast(events.bounce_code as bigint) as bounce_code,
    events._log_version,
    customers_landed.version as _customers_version
from events
cross join customers_landed
left join holders
    on holders.email_hash = events.recipient_hash
    and {{ in_history('events.occurred_at') }} >= holders.valid_from
    and {{ in_history('events.occurred_at') }} < holders.valid_to
