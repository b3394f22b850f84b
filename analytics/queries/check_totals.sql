-- What the newest run found that ran any check.
with tested as (
    select runs.run_id, runs.ended_at
    from ops_runs as runs
    inner join ops_dbt_results as results on results.run_id = runs.run_id
    where results.resource_type = 'test' and results.status <> 'skipped'
    order by runs.ended_at desc, runs.run_id
    limit 1
)

select
    max(tested.run_id) as run_id,
    max(tested.ended_at) as ended_at,
    count(*) as checks,
    coalesce(sum(case when results.status = 'pass' then 1 else 0 end), 0) as passed,
    coalesce(sum(case when results.status = 'warn' then 1 else 0 end), 0) as warned,
    coalesce(sum(case when results.status = 'skipped' then 1 else 0 end), 0) as skipped,
    coalesce(sum(case when results.status in ('pass', 'warn', 'skipped') then 0 else 1 end), 0) as failed
from ops_dbt_results as results
inner join tested on tested.run_id = results.run_id
where results.resource_type = 'test'
