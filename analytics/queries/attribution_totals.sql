-- Of the messages of the period, what was ordered after them, whenever that was.
with messages as ({{ relation messages_with_orders }})

select {{ ordered }} as ordered, {{ message_orders }} as message_orders, {{ message_revenue }} as message_revenue
from messages
