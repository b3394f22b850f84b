"""The demo's questions to the published marts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from orchestration.warehouse.answer import Answer


@dataclass(frozen=True)
class Question:
    """A question in words, and the SQL that answers it from MART alone. `reading` says how to read the answer."""

    words: str
    reading: str
    sql: str


CAMPAIGNS = Question(
    "Which campaigns sold the most?",
    "Revenue, with tax, goes to the customer's last click within 7 days before the order; in open days more may come. "
    "Campaigns that the provider does not list stand apart.",
    """
    with cohorts as (
        select
            campaign_key,
            sum(messages_delivered) as delivered,
            sum(messages_clicked) as clicked,
            sum(attributed_orders) as orders,
            sum(attributed_revenue_incl_tax) as revenue,
            count(case when not is_window_closed then 1 end) as open_days
        from mart.fct_campaign_cohorts
        group by campaign_key
    ),
    named as (
        select
            cohorts.*,
            campaign.is_inferred,
            campaign.budget,
            case
                when campaign.is_inferred then '(' || campaign.provider_state || ')' else campaign.campaign_name
            end as campaign,
            case when campaign.is_inferred then campaign.provider_state else campaign.campaign_id end as group_id
        from cohorts
        inner join mart.dim_campaign as campaign using (campaign_key)
    ),
    totals as (
        select
            is_inferred,
            campaign,
            group_id,
            sum(delivered) as delivered,
            sum(clicked) as clicked,
            sum(orders) as orders,
            sum(revenue) as revenue,
            sum(open_days) as open_days,
            sum(budget) as budget
        from named
        group by is_inferred, campaign, group_id
    )
    select campaign, delivered, clicked, orders, revenue, open_days, budget
    from totals
    qualify row_number() over (partition by is_inferred order by revenue desc, group_id) <= 5
    order by is_inferred, revenue desc, group_id
    """,
)

STOCK_AT_RISK = Question(
    "What runs out first?",
    "Active products by what is on hand, at the pace of the last 14 days.",
    """
    with today as (
        select max(inventory_date) as inventory_date from mart.fct_inventory_daily
    ),
    pace as (
        select warehouse_key, product_id, -sum(quantity) / 14 as sold_a_day
        from mart.fct_stock_movements
        where reason in ('sale', 'cancellation') and moved_at >= (select inventory_date - 13 from today)
            and movement_date <= (select inventory_date from today)
        group by warehouse_key, product_id
        having sum(quantity) < 0
    )
    select
        product.sku,
        product.product_name as product,
        warehouse.warehouse_code as warehouse,
        stock.closing_quantity as on_hand,
        round(pace.sold_a_day, 1) as sold_a_day,
        round(stock.closing_quantity / pace.sold_a_day, 1) as days_left
    from mart.fct_inventory_daily as stock
    inner join today using (inventory_date)
    inner join pace using (warehouse_key, product_id)
    inner join mart.dim_product as product
        on product.product_id = stock.product_id and product.is_current and product.is_active
        and not product.is_deleted
    inner join mart.dim_warehouse as warehouse using (warehouse_key)
    order by stock.closing_quantity / pace.sold_a_day, pace.sold_a_day desc, product.sku, warehouse
    limit 5
    """,
)

COUNTRIES = Question(
    "Where do our customers buy?",
    "With tax, net of discounts and of cancelled orders, with the customer's present country.",
    """
    select
        coalesce(customer.country, '(erased)') as country,
        count(distinct lines.order_id) as orders,
        sum(lines.revenue_incl_tax) as revenue,
        cast(sum(lines.revenue_incl_tax) / count(distinct lines.order_id) as decimal(14, 2)) as per_order,
        cast(
            100 * sum(lines.discount_amount_incl_tax) / sum(lines.gross_amount_incl_tax) as decimal(5, 1)
        ) as discount_percent
    from mart.fct_order_lines as lines
    inner join mart.dim_customer as customer using (customer_key)
    where not lines.is_cancelled
    group by customer.country
    order by revenue desc, country
    limit 5
    """,
)

QUESTIONS = (CAMPAIGNS, STOCK_AT_RISK, COUNTRIES)

CHANGED_PRODUCT = Question(
    "Of the products whose price changed, which one sold most at its new price?",
    "",
    """
    select product.product_id, any_value(product.sku || ' ' || product.product_name) as product
    from mart.dim_product as product
    left join mart.fct_order_lines as lines using (product_key)
    group by product.product_id
    having count(distinct product.list_price) > 1
    order by count(case when product.is_current then lines.order_item_id end) desc, product.product_id
    limit 1
    """,
)


def price_history(product_id: int, name: str) -> Question:
    """Return the question for the versions of one product (SCD2), with the sales under each version."""
    return Question(
        f"The history of {name}, whose price changed between the runs",
        "Each order line points at the version that was valid when the database recorded it, by its own clock.",
        f"""
        select
            product.version_number as version,
            product.list_price,
            case when product.version_number > 1 then date_trunc('second', product.valid_from) end as valid_from,
            case when not product.is_current then date_trunc('second', product.valid_to) end as valid_to,
            count(lines.order_item_id) as lines,
            coalesce(sum(lines.revenue_incl_tax), 0) as revenue
        from mart.dim_product as product
        left join mart.fct_order_lines as lines using (product_key)
        where product.product_id = {product_id:d}
        group by all
        order by version
        """,  # noqa: S608 - an integer
    )


@dataclass(frozen=True)
class MartTable:
    """One table of MART."""

    name: str
    rows: int


def marts(ask: Callable[[str], Answer]) -> Sequence[MartTable]:
    """Return the tables of MART with their rows, without the platform's own tables.

    Raises ConfigurationError if nothing is published.
    """
    names = ask(
        "select lower(table_name) from information_schema.tables "
        "where table_schema = 'MART' and left(table_name, 1) <> '_' and lower(left(table_name, 4)) <> 'ops_' order by 1"
    ).rows
    counts = " union all ".join(
        f"select '{name}' as mart_table, count(*) as table_rows from mart.{name}"  # noqa: S608 - the catalog's names
        for (name,) in names
    )
    return [MartTable(str(name), int(str(rows))) for name, rows in ask(f"{counts} order by 1").rows]
