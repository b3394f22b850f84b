-- No cohort has more of a stage than of the one before it.
select *
from {{ ref('fct_campaign_cohorts') }}
where messages_sent < messages_delivered + messages_bounced
    or messages_delivered < messages_opened
    or messages_opened < messages_opened_by_human
    or messages_opened_by_human < messages_clicked
