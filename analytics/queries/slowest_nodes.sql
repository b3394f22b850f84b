-- Of all models, snapshots and checks, those that take longest in the mean of the runs since the first day.
select
    results.node,
    results.resource_type,
    count(*) as runs,
    avg(results.execution_seconds) as mean_seconds,
    max(results.execution_seconds) as max_seconds
from ops_dbt_results as results
inner join ops_runs as runs on runs.run_id = results.run_id
where runs.started_at >= :first_day and results.status <> 'skipped'
group by results.node, results.resource_type
order by mean_seconds desc, results.node
limit 15
