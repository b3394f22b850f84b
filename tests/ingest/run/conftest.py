"""A source, a lake and the means to run ingest between them, fresh for each test."""

from __future__ import annotations

import pytest

from tests.ingest.run.world import World


@pytest.fixture
def world(source_world: World) -> World:
    return source_world
