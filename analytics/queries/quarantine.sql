-- What was refused. The newest run that has rows of a stream has all that is open; what was settled may be in an older one.
with numbered as (
    select
        refused.*,
        rank() over (partition by refused.stream order by runs.ended_at desc, refused.run_id) as recency_of_run,
        row_number() over (
            partition by refused.stream, refused.version, refused.reason order by runs.ended_at desc, refused.run_id
        ) as recency
    from ops_quarantine as refused
    inner join ops_runs as runs on runs.run_id = refused.run_id
)

select stream, version, reason, records, open_records, state
from numbered
where recency = 1 and (recency_of_run = 1 or state = 'settled')
order by open_records desc, stream, version desc, reason
limit 500
