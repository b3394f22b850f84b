-- What is refused now: the newest run that has rows of a stream says it.
with counted as (
    select refused.stream, refused.run_id, max(runs.ended_at) as ended_at
    from ops_quarantine as refused
    inner join ops_runs as runs on runs.run_id = refused.run_id
    group by refused.stream, refused.run_id
),

numbered as (
    select stream, run_id, row_number() over (partition by stream order by ended_at desc, run_id) as recency
    from counted
)

select refused.stream, refused.version, refused.reason, refused.records, refused.open_records, refused.state
from ops_quarantine as refused
inner join numbered on numbered.stream = refused.stream and numbered.run_id = refused.run_id
where numbered.recency = 1
order by refused.open_records desc, refused.stream, refused.version desc, refused.reason
limit 500
