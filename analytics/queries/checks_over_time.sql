-- Day by day, what the day's last run found that ran any check.
with tested as (
    select
        runs.run_id,
        runs.ended_at,
        sum(case when results.status in ('pass', 'warn') then 0 else 1 end) as failed,
        sum(case when results.status = 'warn' then 1 else 0 end) as warned,
        coalesce(sum(results.failures), 0) as found_rows
    from ops_dbt_results as results
    inner join ops_runs as runs on runs.run_id = results.run_id
    where results.resource_type = 'test'
        and results.status <> 'skipped'
        and runs.ended_at >= :first_day
    group by runs.run_id, runs.ended_at
),

numbered as (
    select
        cast(ended_at as date) as drawn_on,
        failed,
        warned,
        found_rows,
        row_number() over (partition by cast(ended_at as date) order by ended_at desc, run_id) as recency
    from tested
)

select drawn_on, failed, warned, found_rows
from numbered
where recency = 1
order by drawn_on
