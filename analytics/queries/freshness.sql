select subject_type, subject, read_until, allowed_age_seconds, fresh_until, limiting_stream
from ops_freshness
order by case when fresh_until is null then 1 else 0 end, fresh_until, subject_type desc, subject
limit 500
