-- How each stream was counted last.
with numbered as (
    select
        counts.stream,
        counts.source_rows,
        counts.refused_rows,
        counts.lake_rows,
        counts.raw_rows,
        counts.staging_rows,
        counts.is_equal,
        counts.is_compared,
        counts.note,
        runs.ended_at,
        row_number() over (partition by counts.stream order by runs.ended_at desc, runs.run_id) as recency
    from ops_reconciliations as counts
    inner join ops_runs as runs on runs.run_id = counts.run_id
)

select
    stream, source_rows, refused_rows, lake_rows, raw_rows, staging_rows, is_equal, is_compared, note, ended_at
from numbered
where recency = 1
order by case when is_equal then 1 else 0 end, stream
limit 500
