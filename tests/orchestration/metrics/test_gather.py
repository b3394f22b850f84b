"""The requests to the lake: heads and hints, and only new commits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ingest.errors import PlatformError
from ingest.lake import layout
from ingest.lake.commit import Counts
from ingest.lake.objects.store import ObjectStore
from ingest.lake.read_mark import ReadMark
from orchestration.ops.outbox import Outbox
from orchestration.prefect.metrics.figures import LakeFigures, StreamFigures
from orchestration.prefect.metrics.gather import LakeReader, latest_of
from orchestration.settings import OrchestrationSettings
from tests.orchestration.lake_builder import AT, LakeBuilder, contract, thing
from tests.orchestration.metrics.test_latest import record


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> OrchestrationSettings:
    monkeypatch.setenv("ENVIRONMENT", "dev")
    return OrchestrationSettings.load()


def only(figures: LakeFigures) -> StreamFigures:
    [found] = figures.streams
    return found


def test_rows_are_counted_from_the_first_look_on(lake: LakeBuilder, settings: OrchestrationSettings) -> None:
    lake.data([thing(1), thing(2)])
    reader = LakeReader(lake.store, [lake.contract], settings)
    first = only(reader.read())
    lake.data([thing(3)], [thing(4), thing(5)])
    lake.keys([{"id": 1}])  # keys are no rows
    refused = lake.quarantine(lake.next_version, [("7", b"{}")])
    lake.data([thing(6)], quarantine=(refused,), counts=Counts(read=2, landed=1, quarantined=1))
    second = only(reader.read())
    again = only(reader.read())

    assert (first.version, first.rows, first.refused, first.watermark) == (1, 0, 0, AT)
    assert (second.version, second.rows, second.refused) == (4, 4, 1)
    assert again == second


def test_an_empty_log_has_no_times_and_a_mark_says_how_far_a_quiet_source_was_read(
    lake: LakeBuilder, settings: OrchestrationSettings
) -> None:
    reader = LakeReader(lake.store, [lake.contract], settings)
    empty = only(reader.read())
    head = lake.data([thing(1)])
    ReadMark.of(AT + timedelta(hours=3), head).write(lake.store, lake.contract.stream)
    read = only(reader.read())

    assert (empty.version, empty.watermark, empty.read_until) == (0, None, None)
    assert (read.rows, read.watermark, read.read_until) == (1, AT, AT + timedelta(hours=3))


def test_a_log_that_was_begun_anew_is_counted_on(lake: LakeBuilder, settings: OrchestrationSettings) -> None:
    lake.data([thing(1)])
    reader = LakeReader(lake.store, [lake.contract], settings)
    reader.read()
    lake.data([thing(2), thing(3)])
    before = only(reader.read())
    lake.store.delete([item.key for item in lake.store.list(layout.log_prefix(lake.contract.stream))])
    lake.data([thing(4)])
    anew = only(reader.read())
    lake.data([thing(5)])
    on = only(reader.read())

    assert (before.rows, anew.rows, on.rows) == (2, 2, 3)  # a counter never falls
    assert (anew.version, on.version) == (1, 2)


def test_a_damaged_log_is_named_and_hides_no_other(store: ObjectStore, settings: OrchestrationSettings) -> None:
    sound, damaged = (LakeBuilder(store, contract(stream=name)) for name in ("sound", "damaged"))
    for each in (sound, damaged):
        each.data([thing(1)])
        each.data([thing(2)])
    store.delete([layout.commit_key("damaged", 1)])
    reader = LakeReader(store, [sound.contract, damaged.contract], settings)

    found = reader.read()

    assert found.damaged == ("damaged",)
    assert only(found).stream == "sound"


def test_a_lake_that_is_away_is_an_error_of_the_reading(lake: LakeBuilder, settings: OrchestrationSettings) -> None:
    nowhere = ObjectStore(lake.store.settings.model_copy(update={"bucket": "there-is-no-such-bucket"}))

    with pytest.raises(PlatformError, match="no bucket"):
        LakeReader(nowhere, [lake.contract], settings).read()


def test_of_a_stream_that_was_given_up_nothing_is_shown(store: ObjectStore) -> None:
    Outbox(store).put(record(1, blocked={"kept": False, "given_up": True}, refused={"given_up": 7}))

    latest = latest_of(store, [contract(stream="kept")])

    assert latest is not None
    assert set(latest.streams) == {"kept"}


def test_a_provider_whose_clock_stands_is_judged_by_it(store: ObjectStore, settings: OrchestrationSettings) -> None:
    stands = datetime(2028, 2, 29, 23, 58, tzinfo=UTC)
    at_business_time = settings.model_copy(update={"business_now": stands})
    api, table = contract(stream="api", source="saas", deletes="none"), contract(stream="table")

    found = LakeReader(store, [api, table], at_business_time).read()

    assert [each.stands_at for each in found.streams] == [stands, None]
