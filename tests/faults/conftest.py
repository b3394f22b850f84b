"""A line, a source and a lake for each test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.chaos.line import Ground, Line
from tests.faults.patience import without_waiting
from tests.ingest.run.world import World


@pytest.fixture
def line(ground: Ground) -> Iterator[Line]:
    with ground.line(f"faults_{uuid.uuid4().hex[:8]}") as laid:
        yield laid


@pytest.fixture
def world(source_world: World) -> World:
    return source_world


@pytest.fixture
def impatient() -> Iterator[None]:
    """Make retries without waits."""
    with without_waiting():
        yield
