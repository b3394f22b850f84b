"""Landing one stream whose source is unavailable when the stream is opened."""

from __future__ import annotations

import logging
from contextlib import ExitStack

import pytest
from psycopg2.extensions import make_dsn, parse_dsn
from pydantic import SecretStr

from ingest.errors import UnreachableError
from ingest.lake.objects.store import ObjectStore
from ingest.settings import IngestSettings
from orchestration.worker.landing import StreamOrder, land
from tests.faults.tcp_proxy import tcp_proxy
from tests.orchestration.prefect.conftest import free_port

ORDER = StreamOrder("products", run_id="a-run")


class _Heard(logging.Handler):
    """A log handler that opens a way to Postgres after the log has shown `after` failed tries."""

    def __init__(self, opened: ExitStack, *, port: int, listen: int, after: int) -> None:
        super().__init__(logging.WARNING)
        self._opened, self._port, self._listen, self._after = opened, port, listen, after
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        if len(self.lines) == self._after:
            self._opened.enter_context(tcp_proxy(self._port, listen=self._listen))


@pytest.fixture
def away(ingest_settings: IngestSettings) -> tuple[IngestSettings, int, int]:
    """Settings with a port on which nothing listens; that port, and Postgres' port."""
    dsn, nowhere = ingest_settings.postgres_dsn.get_secret_value(), free_port()
    moved = SecretStr(make_dsn(dsn, host="127.0.0.1", port=nowhere))
    return ingest_settings.model_copy(update={"postgres_dsn": moved}), nowhere, int(parse_dsn(dsn)["port"])


def test_a_postgres_that_is_away_when_the_stream_is_opened_is_waited_for(
    away: tuple[IngestSettings, int, int],
) -> None:
    settings, nowhere, port = away
    logger = logging.Logger("landing")
    with ExitStack() as opened:
        heard = _Heard(opened, port=port, listen=nowhere, after=3)
        logger.addHandler(heard)
        result = land(
            ORDER, settings.model_copy(update={"wait_budget_seconds": 60.0}), ObjectStore(settings.lake), logger
        )

    assert result.rows_landed > 0
    assert len(heard.lines) == 3
    assert all("trying again in" in line and "cannot connect" in line for line in heard.lines)


def test_a_stream_waits_for_no_longer_than_it_may(away: tuple[IngestSettings, int, int]) -> None:
    settings, _, _ = away
    impatient = settings.model_copy(update={"wait_budget_seconds": 0.0})
    with pytest.raises(UnreachableError, match="is POSTGRES_DSN right"):
        land(ORDER, impatient, ObjectStore(settings.lake), logging.Logger("landing"))
