select
    run_id,
    run_name,
    state,
    is_idle,
    started_at,
    run_seconds,
    ingest_seconds,
    wait_seconds,
    load_seconds,
    dbt_seconds,
    reconcile_seconds,
    publish_seconds,
    published_at,
    streams,
    streams_failed,
    rows_landed,
    rows_quarantined,
    rows_loaded,
    dbt_failed,
    dbt_warned,
    streams_unequal,
    problem
from ops_runs
where started_at >= :first_day
order by started_at desc, run_id
limit 1000
