-- What each check found last.
with checks as ({{ relation checks }})

select
    max(checked_at) as checked_at,
    count(*) as checks,
    coalesce(sum(case when status = 'pass' then 1 else 0 end), 0) as passed,
    coalesce(sum(case when status = 'warn' then 1 else 0 end), 0) as warned,
    coalesce(sum(case when status in ('pass', 'warn', 'skipped') then 0 else 1 end), 0) as failed,
    coalesce(sum(case when is_left_out then 1 else 0 end), 0) as left_out
from checks
