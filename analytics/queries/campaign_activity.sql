-- Each stage on the day on which it was reached, whenever the message was sent.
with days as ({{ relation calendar }}),

activity as (
    select activity_date, messages_sent, messages_opened, messages_clicked, attributed_orders
    from fct_campaign_activity_daily
    where :every_campaign = 1 or campaign_key in (:campaigns)
)

select
    days.drawn_on,
    coalesce(sum(activity.messages_sent), 0) as sent,
    coalesce(sum(activity.messages_opened), 0) as opened,
    coalesce(sum(activity.messages_clicked), 0) as clicked,
    coalesce(sum(activity.attributed_orders), 0) as orders
from days
left join activity on activity.activity_date = days.calendar_date
group by days.drawn_on
order by days.drawn_on
