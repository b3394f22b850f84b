-- What failed or warned in a run, then what took longest.
select node, resource_type, status, execution_seconds, row_count, failures, message, compiled_path
from ops_dbt_results
where run_id = :run_id
order by
    case when status in ('success', 'pass', 'no-op') then 2 when status in ('warn', 'skipped') then 1 else 0 end,
    execution_seconds desc nulls last,
    node
limit 100
