-- Day by day: how long a step took in the mean of the runs that reached it, and what was landed and loaded.
select
    cast(started_at as date) as drawn_on,
    avg(ingest_seconds) as ingest_seconds,
    avg(wait_seconds) as wait_seconds,
    avg(load_seconds) as load_seconds,
    avg(dbt_seconds) as dbt_seconds,
    avg(reconcile_seconds) as reconcile_seconds,
    avg(publish_seconds) as publish_seconds,
    coalesce(sum(rows_landed), 0) as rows_landed,
    coalesce(sum(rows_loaded), 0) as rows_loaded
from ops_runs
where started_at >= :first_day
group by cast(started_at as date)
order by drawn_on
