-- Messages sent in the period under the filters. A category says nothing of a message.
select
    message_id,
    campaign_key,
    customer_key,
    sent_date,
    is_delivered,
    is_opened,
    is_opened_by_human,
    is_clicked,
    is_bounced,
    bounce_class,
    sent_at,
    first_opened_at,
    first_clicked_at,
    unsubscribed_at,
    complained_at,
    consent_when_sent,
    is_after_unsubscription,
    is_after_hard_bounce
from fct_email_messages
where sent_date between :first_day and :last_day
    and (
        :every_country = 1
        or customer_key in (select customer_key from dim_customer where coalesce(country, 'unknown') in (:countries))
    )
    and (:every_campaign = 1 or campaign_key in (:campaigns))
