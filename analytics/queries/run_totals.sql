select
    count(*) as runs,
    coalesce(sum(case when state = 'completed' then 1 else 0 end), 0) as completed,
    coalesce(sum(case when is_idle then 1 else 0 end), 0) as idle,
    coalesce(sum(rows_landed), 0) as rows_landed,
    coalesce(sum(rows_loaded), 0) as rows_loaded,
    max(published_at) as published_at
from ops_runs
where started_at >= :first_day
