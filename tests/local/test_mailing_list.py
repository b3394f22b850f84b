"""The two sources are one world: the provider writes to customers of the shop who agreed to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from local.stack import StackOptions
from mock_saas.history.audience import Audience
from mock_saas.history.randomness import Randomness
from mock_saas.settings import Settings
from postgres.shop.chance import generator
from postgres.shop.master_data import draw_customers
from tests.mock_saas.provider import settings as provider_settings


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.datetimes(datetime(2020, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001
def test_the_mailing_list_is_of_customers_who_had_agreed_before_history_begins(seed: int, now: datetime) -> None:
    customers = {
        customer.email: customer for customer in draw_customers(generator(seed, "customers"), scale=1, business_now=now)
    }
    chosen = provider_settings()
    audience = Audience.of(chosen, Randomness(seed))
    listed = {chosen.recipient_pattern.format(n=audience.number(position)) for position in range(len(audience))}
    assert all(customers[email].marketing_consent for email in listed)
    begin = now - timedelta(days=11)
    assert all(customers[email].signed_up_at < begin for email in listed)
    known = [customer.email for customer in customers.values() if customer.marketing_consent]
    assert listed == set(known[: len(listed)])


def test_the_stacks_provider_has_the_default_list(tmp_path: Path) -> None:
    options = StackOptions(logs=tmp_path).saas
    assert options.recipients == Settings.model_fields["recipients"].default
