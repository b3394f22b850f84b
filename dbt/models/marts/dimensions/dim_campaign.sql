with

-- The last known version of each campaign. A deleted one stays, marked: its messages were sent.
known as (
    select * from {{ ref('dim_campaign_history') }} where is_current
),

-- A campaign that events speak of and that has not landed, or never will: a member with nothing but its identifier.
inferred as (
    select distinct events.campaign_id
    from {{ ref('int_email_events') }} as events
    left join known on known.campaign_id = events.campaign_id
    where known.campaign_id is null and events.campaign_id is not null
)

select
    {{ surrogate_key('campaign', ['campaign_id']) }} as campaign_key,
    campaign_id,
    campaign_name,
    subject,
    campaign_status,
    from_address,
    promoted_skus,
    promoted_sku_count,
    budget,
    currency,
    scheduled_at,
    created_at,
    updated_at,
    is_deleted,
    false as is_inferred
from known

union all

select
    {{ surrogate_key('campaign', ['campaign_id']) }},
    campaign_id,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    false,
    true
from inferred
