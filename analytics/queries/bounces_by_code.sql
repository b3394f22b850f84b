with messages as ({{ relation messages }})

select events.bounce_code, events.bounce_class, count(distinct events.message_id) as messages
from fct_email_events as events
inner join messages on messages.message_id = events.message_id
where events.event_type = 'bounced' and messages.is_bounced
group by events.bounce_code, events.bounce_class
order by messages desc, events.bounce_code, events.bounce_class
limit 30
