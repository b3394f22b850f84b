with messages as ({{ relation messages }})

select
    {{ sent }} as sent,
    {{ delivered }} as delivered,
    {{ opened }} as opened,
    {{ opened_by_people }} as opened_by_people,
    {{ clicked }} as clicked,
    {{ unsubscribed }} as unsubscribed,
    {{ complained }} as complained,
    {{ hard_bounced }} as hard_bounced,
    {{ soft_bounced }} as soft_bounced,
    {{ delivery_rate }} as delivery_rate,
    {{ open_rate }} as open_rate,
    {{ people_open_rate }} as people_open_rate,
    {{ click_rate }} as click_rate,
    {{ unsubscribe_rate }} as unsubscribe_rate,
    {{ complaint_rate }} as complaint_rate,
    {{ hard_bounce_rate }} as hard_bounce_rate,
    {{ soft_bounce_rate }} as soft_bounce_rate,
    {{ hours_to_open }} as hours_to_open,
    {{ hours_to_click }} as hours_to_click,
    {{ without_consent }} as without_consent,
    {{ after_unsubscription }} as after_unsubscription,
    {{ after_hard_bounce }} as after_hard_bounce
from messages
