-- What did not pass in the newest run that ran any check: how many rows, and where the SQL is that selects them.
with tested as (
    select runs.run_id
    from ops_runs as runs
    inner join ops_dbt_results as results on results.run_id = runs.run_id
    where results.resource_type = 'test' and results.status <> 'skipped'
    order by runs.ended_at desc, runs.run_id
    limit 1
)

select results.node, results.status, results.failures, results.description, results.message, results.compiled_path
from ops_dbt_results as results
inner join tested on tested.run_id = results.run_id
where results.resource_type = 'test' and results.status <> 'pass'
order by
    case results.status when 'warn' then 1 when 'skipped' then 2 else 0 end,
    results.failures desc nulls last,
    results.node
limit 500
