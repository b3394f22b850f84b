with

-- The last known version of each campaign. A deleted campaign stays, marked, because its messages were sent.
known as (
    select * from {{ ref('dim_campaign_history') }} where is_current
),

-- A campaign that events name and whose own row never landed gets a row with only its identifier. If its events landed
-- before the list did, the list would name the campaign if it existed.
inferred as (
    select
        mentions.campaign_id,
        case when mentions.is_older_than_list then 'no longer at the provider' else 'not landed yet' end as provider_state
    from {{ ref('int_campaign_mentions') }} as mentions
    left join known on known.campaign_id = mentions.campaign_id
    where known.campaign_id is null
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
    false as is_inferred,
    case when is_deleted then 'no longer at the provider' else 'listed' end as provider_state
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
    provider_state = 'no longer at the provider',
    true,
    provider_state
from inferred
