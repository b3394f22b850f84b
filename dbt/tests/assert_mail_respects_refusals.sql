-- Messages to customers who had not consented when they were sent, and to addresses that had unsubscribed or bounced hard
-- before.
select message_id, consent_when_sent, is_after_unsubscription, is_after_hard_bounce
from {{ ref('fct_email_messages') }}
where not consent_when_sent or is_after_unsubscription or is_after_hard_bounce
