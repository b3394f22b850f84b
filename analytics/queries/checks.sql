-- Which checks did not pass when they ran last, or have been left out since: how many rows they found, and where the SQL is
-- that selects them.
with checks as ({{ relation checks }})

select node, status, is_left_out, failures, description, message, compiled_path, checked_at
from checks
where status <> 'pass' or is_left_out
order by
    case status when 'warn' then 1 when 'pass' then 2 when 'skipped' then 2 else 0 end,
    failures desc nulls last,
    node
limit 500
