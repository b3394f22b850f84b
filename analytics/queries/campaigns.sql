select campaign_key, coalesce(campaign_name, campaign_id) as campaign_name
from dim_campaign
order by campaign_name, campaign_key
limit 2000
