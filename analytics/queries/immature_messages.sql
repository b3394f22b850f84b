-- How many of the period's messages are too young for their reactions to be complete.
select
    coalesce(sum(messages_sent), 0) as sent,
    coalesce(sum(case when is_mature then 0 else messages_sent end), 0) as immature
from fct_campaign_cohorts
where sent_date between :first_day and :last_day
    and (:every_campaign = 1 or campaign_key in (:campaigns))
