-- Each check: the newest result of all runs that says something, and whether the check was left out since. A run checks what
-- it built, and everything is built once a day: what had no result in the two days up to the newest one is no check any more.
select node, status, failures, description, message, compiled_path, checked_at, is_left_out
from (
    select
        node,
        status,
        failures,
        description,
        message,
        compiled_path,
        ended_at as checked_at,
        status = 'skipped' or coalesce(
            max(case when status = 'skipped' then ended_at end) over (partition by unique_id) > ended_at, false
        ) as is_left_out,
        row_number() over (
            partition by unique_id order by case when status = 'skipped' then 1 else 0 end, ended_at desc, run_id
        ) as recency
    from ops_dbt_results
    where resource_type = 'test'
        and datediff('second', ended_at, (select max(ended_at) from ops_dbt_results where resource_type = 'test'))
            <= 2 * 86400
) as results
where recency = 1
