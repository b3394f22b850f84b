"""A line of one's own for each test, and quiet."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator

import pytest
import structlog

from ingest import logs
from tests.chaos.line import Ground, Line


@pytest.fixture(autouse=True)
def _errors_alone() -> Iterator[None]:
    """Log only errors: a campaign makes thousands of runs, and a failure must be found among their lines."""
    logs.configure("auto", level=logging.CRITICAL)
    yield
    structlog.reset_defaults()


@pytest.fixture
def line(ground: Ground) -> Iterator[Line]:
    with ground.line(f"test_{uuid.uuid4().hex[:8]}") as laid:
        yield laid
