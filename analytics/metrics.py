"""Every metric, once: its name, its unit, and the SQL that sums it up over a relation of `queries/relations/`.

Queries write `{{ revenue }}` for the expression; an expression may name other metrics in the same way. Ratios divide
sums, so that they are right for any group of rows, and are null where there is nothing to divide by.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Unit(StrEnum):
    """What a number counts, and so how it is written."""

    MONEY = "money"
    COUNT = "count"
    SHARE = "share"
    HOURS = "hours"
    DAYS = "days"


@dataclass(frozen=True)
class Metric:
    """`expression` aggregates rows of `relation`. `up_is_good` is None where neither way is better."""

    name: str
    label: str
    unit: Unit
    relation: str
    expression: str
    meaning: str
    up_is_good: bool | None = True


def _ratio(part: str, whole: str) -> str:
    return f"cast({part} as double) / nullif({whole}, 0)"


def _mean_hours(start: str, end: str) -> str:
    seconds = f"datediff('second', {start}, {end})"
    return f"cast(sum({seconds}) as double) / nullif(count({seconds}), 0) / 3600"


_ORDERS = (
    Metric("revenue", "Revenue", Unit.MONEY, "orders", "sum(revenue)",
           "What was charged for orders placed in the period: tax included, discounts and cancelled orders taken off."),
    Metric("orders", "Orders", Unit.COUNT, "orders", "sum(case when is_cancelled then 0 else 1 end)",
           "Orders placed in the period that are not cancelled."),
    Metric("average_order", "Average order", Unit.MONEY, "orders", _ratio("{{ revenue }}", "{{ orders }}"),
           "Revenue by orders."),
    Metric("attributed_revenue", "Attributed revenue", Unit.MONEY, "orders",
           "sum(case when is_attributed then revenue else 0 end)",
           "The part of revenue whose order followed a click in an e-mail within the attribution window."),
    Metric("placed_orders", "Placed orders", Unit.COUNT, "orders", "count(*)",
           "Orders placed in the period, cancelled ones too."),
    Metric("cancellation_rate", "Cancellation rate", Unit.SHARE, "orders",
           _ratio("sum(case when is_cancelled then 1 else 0 end)", "{{ placed_orders }}"),
           "Cancelled orders by placed orders.", up_is_good=False),
    Metric("returning_share", "Returning buyers", Unit.SHARE, "orders",
           _ratio("sum(case when buyer_type = 'returning' then 1 else 0 end)",
                  "sum(case when buyer_type in ('new', 'returning') then 1 else 0 end)"),
           "Orders of customers who had ordered before, by orders of known customers. Cancelled ones are left out."),
)  # fmt: skip

_LINES = (
    Metric("units", "Units", Unit.COUNT, "lines", "sum(quantity)", "Units ordered; cancelled orders are left out."),
    Metric("line_revenue", "Revenue", Unit.MONEY, "lines", "sum(revenue_incl_tax)",
           "What was charged for the lines: tax included, discounts taken off; cancelled orders are left out."),
    Metric("list_amount", "At list prices", Unit.MONEY, "lines", "sum(list_amount_incl_tax)",
           "Units at the list price of the day on which they were ordered."),
    Metric("gross_amount", "At charged prices", Unit.MONEY, "lines", "sum(gross_amount_incl_tax)",
           "Units at the price charged, before discounts."),
    Metric("discount_amount", "Discounts", Unit.MONEY, "lines", "sum(discount_amount_incl_tax)",
           "What discounts took off.", up_is_good=False),
    Metric("discount_share", "Discount", Unit.SHARE, "lines", _ratio("{{ discount_amount }}", "{{ gross_amount }}"),
           "Discounts by the amount at charged prices.", up_is_good=False),
    Metric("price_realisation", "Charged to list", Unit.SHARE, "lines",
           _ratio("sum(case when list_amount_incl_tax is not null then gross_amount_incl_tax end)",
                  "sum(case when gross_amount_incl_tax is not null then list_amount_incl_tax end)"),
           "The amount at charged prices by the amount at list prices."),
)  # fmt: skip

_MESSAGES = (
    Metric("sent", "Sent", Unit.COUNT, "messages", "count(*)", "Messages sent in the period.", up_is_good=None),
    Metric("delivered", "Delivered", Unit.COUNT, "messages", "sum(case when is_delivered then 1 else 0 end)",
           "Messages sent in the period that arrived: delivered, or opened or clicked all the same."),
    Metric("opened", "Opened", Unit.COUNT, "messages", "sum(case when is_opened then 1 else 0 end)",
           "Messages opened at least once, by their reader or by a mail program."),
    Metric("opened_by_people", "Opened by people", Unit.COUNT, "messages",
           "sum(case when is_opened_by_human then 1 else 0 end)",
           "Messages opened at least once by their reader. Mail programs that fetch everything are left out."),
    Metric("clicked", "Clicked", Unit.COUNT, "messages", "sum(case when is_clicked then 1 else 0 end)",
           "Messages clicked at least once."),
    Metric("unsubscribed", "Unsubscribes", Unit.COUNT, "messages",
           "sum(case when unsubscribed_at is not null then 1 else 0 end)",
           "Messages after which their reader unsubscribed.", up_is_good=False),
    Metric("complained", "Complaints", Unit.COUNT, "messages",
           "sum(case when complained_at is not null then 1 else 0 end)",
           "Messages reported as spam.", up_is_good=False),
    Metric("hard_bounced", "Hard bounces", Unit.COUNT, "messages",
           "sum(case when is_bounced and bounce_class = 'hard' then 1 else 0 end)",
           "Messages that came back for good.", up_is_good=False),
    Metric("soft_bounced", "Soft bounces", Unit.COUNT, "messages",
           "sum(case when is_bounced and bounce_class = 'soft' then 1 else 0 end)",
           "Messages that came back for now.", up_is_good=False),
    Metric("delivery_rate", "Delivery rate", Unit.SHARE, "messages", _ratio("{{ delivered }}", "{{ sent }}"),
           "Delivered by sent."),
    Metric("open_rate", "Unique open rate", Unit.SHARE, "messages", _ratio("{{ opened }}", "{{ delivered }}"),
           "Messages opened at least once, by delivered; opens by mail programs count."),
    Metric("people_open_rate", "Opened by people", Unit.SHARE, "messages",
           _ratio("{{ opened_by_people }}", "{{ delivered }}"),
           "Messages opened by their reader at least once, by delivered."),
    Metric("click_rate", "Unique click rate", Unit.SHARE, "messages", _ratio("{{ clicked }}", "{{ delivered }}"),
           "Messages clicked at least once, by delivered."),
    Metric("unsubscribe_rate", "Unsubscribe rate", Unit.SHARE, "messages",
           _ratio("{{ unsubscribed }}", "{{ delivered }}"), "Unsubscribes by delivered.", up_is_good=False),
    Metric("complaint_rate", "Complaint rate", Unit.SHARE, "messages", _ratio("{{ complained }}", "{{ delivered }}"),
           "Complaints by delivered.", up_is_good=False),
    Metric("hard_bounce_rate", "Hard bounces", Unit.SHARE, "messages", _ratio("{{ hard_bounced }}", "{{ sent }}"),
           "Hard bounces by sent.", up_is_good=False),
    Metric("soft_bounce_rate", "Soft bounces", Unit.SHARE, "messages", _ratio("{{ soft_bounced }}", "{{ sent }}"),
           "Soft bounces by sent.", up_is_good=False),
    Metric("hours_to_open", "To the first open", Unit.HOURS, "messages",
           _mean_hours("sent_at", "first_opened_at"),
           "Mean time from sending to the first open, of messages that were opened.", up_is_good=None),
    Metric("hours_to_click", "To the first click", Unit.HOURS, "messages",
           _mean_hours("sent_at", "first_clicked_at"),
           "Mean time from sending to the first click, of messages that were clicked.", up_is_good=None),
    Metric("ordered", "Ordered", Unit.COUNT, "messages", "sum(case when orders > 0 then 1 else 0 end)",
           "Messages whose click was followed by an order that is not cancelled, within the attribution window."),
    Metric("message_orders", "Attributed orders", Unit.COUNT, "messages", "sum(orders)",
           "Orders, not cancelled, that are attributed to messages sent in the period, whenever they were placed."),
    Metric("message_revenue", "Attributed revenue", Unit.MONEY, "messages", "sum(revenue)",
           "Revenue of the orders that are attributed to messages sent in the period, whenever they were placed."),
    Metric("without_consent", "Without consent", Unit.COUNT, "messages",
           "sum(case when not consent_when_sent then 1 else 0 end)",
           "Messages to customers who did not consent when they were sent.", up_is_good=False),
    Metric("after_unsubscription", "After unsubscribing", Unit.COUNT, "messages",
           "sum(case when is_after_unsubscription then 1 else 0 end)",
           "Messages to readers who had unsubscribed.", up_is_good=False),
    Metric("after_hard_bounce", "After a hard bounce", Unit.COUNT, "messages",
           "sum(case when is_after_hard_bounce then 1 else 0 end)",
           "Messages to addresses that had bounced for good.", up_is_good=False),
)  # fmt: skip

_STOCK = (
    Metric("closing_quantity", "Units in stock", Unit.COUNT, "stock", "sum(closing_quantity)",
           "Units at the end of the day.", up_is_good=None),
    Metric("stock_outs", "Out of stock", Unit.COUNT, "stock", "sum(case when closing_quantity <= 0 then 1 else 0 end)",
           "Products, counted in each warehouse, with no unit left at the end of the day.", up_is_good=False),
    Metric("stock_value", "Stock value", Unit.MONEY, "stock", "sum(stock_value)",
           "Units at the list price of the day, tax included.", up_is_good=None),
    Metric("below_reorder_point", "Below reorder point", Unit.COUNT, "stock",
           "sum(case when is_below_reorder_point then 1 else 0 end)",
           "Products, counted in each warehouse, with fewer units than their reorder point.", up_is_good=False),
    Metric("stock_places", "Products stocked", Unit.COUNT, "stock", "count(*)",
           "Products, counted in each warehouse, that have ever moved there.", up_is_good=None),
)  # fmt: skip

METRICS = {metric.name: metric for metric in (*_ORDERS, *_LINES, *_MESSAGES, *_STOCK)}
