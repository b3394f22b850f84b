select
    holiday_date,
    country,
    holiday_name
from {{ ref('holidays') }}
where holiday_date between {{ first_day() }} and greatest({{ business_day() }}, {{ local_business_day() }})
