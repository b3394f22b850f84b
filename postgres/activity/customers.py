"""Events of customers: the choice of an orderer, sign-ups, changes of consent, erasures."""

from dataclasses import dataclass
from datetime import datetime

from psycopg2.extensions import cursor as Cursor

from postgres.activity.report import NOTHING, ActivityReport
from postgres.activity.simulation import Simulation
from postgres.shop.customers import draw_customer_number, email_address, gives_consent
from postgres.shop.world import draw_full_name, draw_market


@dataclass(frozen=True, slots=True)
class Shopper:
    """A customer who takes part in an event."""

    customer_id: int
    country: str


def draw_orderer(simulation: Simulation, cursor: Cursor) -> Shopper | None:
    """Return a random customer who orders, regulars more often than others. None if no customer is left."""
    return _shopper_from(cursor, draw_customer_number(simulation.rng, simulation.highest_customer_id))


def find_shopper(cursor: Cursor, email: str) -> Shopper | None:
    """Return the customer with an address. The row is locked against erasure by others."""
    cursor.execute("select customer_id, country from customers where email = %s for key share", (email,))
    row = cursor.fetchone()
    return None if row is None else Shopper(*row)


def sign_up(simulation: Simulation, cursor: Cursor, at: datetime) -> ActivityReport:
    """Register a new customer."""
    rng = simulation.rng
    market = draw_market(rng)
    customer_id = next_identity(cursor, "customers", "customer_id")
    cursor.execute(
        """
        insert into customers (customer_id, email, full_name, country, marketing_consent, signed_up_at)
        overriding system value
        values (%s, %s, %s, %s, %s, %s)
        """,
        (
            customer_id,
            email_address(customer_id),
            draw_full_name(rng, market),
            market.country,
            gives_consent(customer_id),
            at,
        ),
    )
    simulation.highest_customer_id = max(simulation.highest_customer_id, customer_id)
    return ActivityReport(customers_signed_up=1)


def change_consent(simulation: Simulation, cursor: Cursor, at: datetime) -> ActivityReport:
    """Let a customer give or withdraw the consent to campaigns."""
    shopper = _draw_any(simulation, cursor)
    if shopper is None:
        return NOTHING
    cursor.execute(
        "update customers set marketing_consent = not marketing_consent where customer_id = %s",
        (shopper.customer_id,),
    )
    return ActivityReport(consents_changed=1)


def erase(simulation: Simulation, cursor: Cursor, at: datetime) -> ActivityReport:
    """Erase a customer on request: delete the row. Orders stay, without their customer."""
    shopper = _draw_any(simulation, cursor)
    if shopper is None:
        return NOTHING
    cursor.execute("delete from customers where customer_id = %s", (shopper.customer_id,))
    return ActivityReport(customers_erased=(shopper.customer_id,))


def next_identity(cursor: Cursor, table: str, column: str) -> int:
    """Return the next number of an identity column, for rows that use it in other columns, too."""
    cursor.execute("select nextval(pg_get_serial_sequence(%s, %s))", (table, column))
    ((number,),) = cursor.fetchall()
    return int(number)


def _draw_any(simulation: Simulation, cursor: Cursor) -> Shopper | None:
    return _shopper_from(cursor, simulation.rng.randint(1, simulation.highest_customer_id))


def _shopper_from(cursor: Cursor, number: int) -> Shopper | None:
    """Return the customer with this number, else with the next higher one, else with the lowest one.

    It is a point look-up, whatever the number of customers. The row is locked against erasure by others.
    """
    for lowest in (number, 0):
        cursor.execute(
            """
            select customer_id, country from customers
            where customer_id >= %s
            order by customer_id
            limit 1
            for key share
            """,
            (lowest,),
        )
        if row := cursor.fetchone():
            return Shopper(*row)
    return None
