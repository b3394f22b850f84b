-- By the ledger alone, of a stream that is not read otherwise:
-- depends_on: {{ source('raw', 'campaigns') }}

with

mentions as (
    select campaign_id, min(_log_version) as first_version
    from {{ ref('int_email_events') }}
    where campaign_id is not null
    group by campaign_id
),

loads as (
    select stream, version, kind, committed_at from {{ source('raw', '_loads') }}
),

-- When the provider's complete list of campaigns was last landed.
listed as (
    select max(committed_at) as listed_at
    from loads
    where stream = 'campaigns' and kind in ('deletes', 'keys', 'snapshot')
)

select
    mentions.campaign_id,
    coalesce(loads.committed_at < listed.listed_at, false) as is_older_than_list
from mentions
cross join listed
left join loads on loads.stream = 'email_events' and loads.version = mentions.first_version
