with

versions as (
    {{ history('campaigns', campaigns_columns(), recorded_in=ref('snap_campaigns'), present=ref('stg_campaigns')) }}
)

select
    {{ surrogate_key('campaign_history', [epoch_microseconds('valid_from'), 'campaign_id']) }} as campaign_version_key,
    campaign_id,
    version_number,
    campaign_name,
    subject,
    campaign_status,
    from_address,
    promoted_skus,
    cast(promoted_sku_count as bigint) as promoted_sku_count,
    budget,
    currency,
    scheduled_at,
    created_at,
    updated_at,
    is_deleted,
    valid_from,
    valid_to,
    is_current
from versions
