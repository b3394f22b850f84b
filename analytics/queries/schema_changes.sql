-- Where a source differed from its contract since the first day, as it was seen last; and whether it still does.
with reads as (
    select landed.stream, max(runs.ended_at) as ended_at
    from ops_run_streams as landed
    inner join ops_runs as runs on runs.run_id = landed.run_id
    where landed.state <> 'not_ingested'
    group by landed.stream
),

numbered as (
    select
        changes.stream,
        changes.subject,
        changes.kind,
        changes.severity,
        changes.expected,
        changes.found,
        changes.remark,
        changes.accept_command,
        runs.ended_at as last_seen,
        min(runs.ended_at) over (partition by changes.stream, changes.subject, changes.kind) as first_seen,
        row_number() over (
            partition by changes.stream, changes.subject, changes.kind order by runs.ended_at desc, runs.run_id
        ) as recency
    from ops_schema_changes as changes
    inner join ops_runs as runs on runs.run_id = changes.run_id
    where runs.ended_at >= :first_day
)

select
    numbered.stream,
    numbered.subject,
    numbered.kind,
    numbered.severity,
    numbered.expected,
    numbered.found,
    numbered.remark,
    numbered.accept_command,
    numbered.first_seen,
    numbered.last_seen,
    coalesce(numbered.last_seen >= reads.ended_at, true) as is_there
from numbered
left join reads on reads.stream = numbered.stream
where numbered.recency = 1
order by numbered.last_seen desc, numbered.stream, numbered.subject, numbered.kind
limit 200
