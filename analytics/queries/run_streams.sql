select
    stream,
    state,
    rows_landed,
    rows_quarantined,
    rows_loaded,
    watermark,
    watermark_lag_seconds,
    ingest_seconds,
    load_seconds,
    blocker,
    problem
from ops_run_streams
where run_id = :run_id
order by case when state = 'failed' then 0 else 1 end, stream
limit 500
