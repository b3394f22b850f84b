"""Fixtures of the provider's tests."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.mock_saas.provider import ADMIN_KEY, Provider, event_list, parse, walk


@pytest.fixture
def make_provider() -> Iterator[Callable[..., Provider]]:
    """Makes providers with given settings."""
    made: list[Provider] = []

    def make(**changes: Any) -> Provider:
        made.append(Provider.make(**changes))
        return made[-1]

    yield make
    for provider in made:
        provider.close()


@pytest.fixture
def provider(make_provider: Callable[..., Provider]) -> Provider:
    """A provider with the admin routes on."""
    return make_provider(admin_key=ADMIN_KEY)


@pytest.fixture(scope="session")
def whole_history() -> list[dict[str, Any]]:
    """Ten days of well-formed records."""
    return parse(walk(event_list(broken_rate=0)))
