-- Nobody clicks in, opens or receives a message that has not been sent yet. Events may arrive in any order; what they
-- say of when they happened may not.
select message_id, sent_at, delivered_at, first_opened_at, first_clicked_at
from {{ ref('fct_email_messages') }}
where delivered_at < sent_at
    or first_opened_at < sent_at
    or first_clicked_at < sent_at
