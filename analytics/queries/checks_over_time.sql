-- Day by day, what each check found last on that day.
with ran as (
    select
        cast(ended_at as date) as drawn_on,
        status,
        failures,
        row_number() over (partition by unique_id, cast(ended_at as date) order by ended_at desc, run_id) as recency
    from ops_dbt_results
    where resource_type = 'test' and status <> 'skipped' and ended_at >= :first_day
)

select
    drawn_on,
    sum(case when status in ('pass', 'warn') then 0 else 1 end) as failed,
    sum(case when status = 'warn' then 1 else 0 end) as warned,
    coalesce(sum(failures), 0) as found_rows
from ran
where recency = 1
group by drawn_on
order by drawn_on
