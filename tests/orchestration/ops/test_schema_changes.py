"""A change of a source is reported once: when it appears, and again if it disappears and comes back."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import SchemaDriftError
from ingest.lake import layout
from ingest.lake.objects.store import ObjectStore
from ingest.run.context import StreamResult
from ingest.schema_change import DriftKind, Effect, SchemaChange
from orchestration.ops.schema_changes import KnownChanges, alert_text, change_rows, changes_of
from orchestration.report import RunReport, StreamOutcome


def change(name: str = "x", effect: Effect = Effect.FLOWS, *, acceptable: bool = True) -> SchemaChange:
    return SchemaChange(
        subject=f"column '{name}'",
        kind=DriftKind.COLUMN_ADDED,
        column=name,
        expected="nothing",
        found="text",
        effect=effect,
        acceptable=acceptable,
    )


CHANGES = st.sets(st.sampled_from("abc")).map(lambda names: tuple(change(name) for name in sorted(names)))
RUNS = st.lists(st.dictionaries(st.sampled_from(["orders", "it's"]), CHANGES), max_size=6)


@given(runs=RUNS)
def test_a_change_is_new_where_the_last_comparison_of_its_stream_had_it_not(
    runs: list[dict[str, tuple[SchemaChange, ...]]],
) -> None:
    known = KnownChanges()
    before: dict[str, tuple[SchemaChange, ...]] = {}
    for found in runs:
        rows = change_rows("r", found, known)
        assert {(row.stream, row.column_name) for row in rows if row.is_new} == {
            (stream, each.column)
            for stream, changes in found.items()
            for each in set(changes) - set(before.get(stream, ()))
        }
        assert len(rows) == sum(map(len, found.values()))
        known = KnownChanges.model_validate_json(known.after(found).model_dump_json())
        before |= found


def test_streams_that_were_not_compared_say_nothing_and_errors_bring_their_changes() -> None:
    drift = SchemaDriftError("the source no longer matches")
    drift.changes = (change("gone", Effect.STOPS),)
    again = pickle.loads(pickle.dumps(drift))  # noqa: S301 - our own
    report = RunReport(
        "r",
        1.0,
        streams=(
            StreamOutcome("a", result=StreamResult("a", changes=(change(),))),
            StreamOutcome("b", result=StreamResult("b")),
            StreamOutcome("c", error=again),
            StreamOutcome("d", error=SchemaDriftError("another kind")),
            StreamOutcome("e", overtaken="another writer won"),
        ),
    )
    assert changes_of(report) == {"a": (change(),), "b": (), "c": drift.changes}


@pytest.mark.parametrize("body", [None, b"{", b'{"streams": 3}'])
def test_a_hint_that_is_lost_makes_changes_new_once_more(store: ObjectStore, body: bytes | None) -> None:
    if body is not None:
        store.put(layout.KNOWN_CHANGES, body)
    known = KnownChanges.read(store)
    [row] = change_rows("r", {"s": (change(),)}, known)
    assert row.is_new
    known.after({"s": (change(),)}).write(store)
    [row] = change_rows("r", {"s": (change(),)}, KnownChanges.read(store))
    assert not row.is_new


@pytest.mark.parametrize(
    ("effect", "acceptable", "severity", "command"),
    [
        (Effect.STOPS, True, "critical", "ingest contract accept 'it'\"'\"'s'"),
        (Effect.STOPS, False, "critical", None),
        (Effect.FLOWS, True, "warning", "ingest contract accept 'it'\"'\"'s'"),
        (Effect.NOTED, True, "info", None),
    ],
)
def test_an_alert_has_its_severity_and_the_way_out(
    effect: Effect, acceptable: bool, severity: str, command: str | None
) -> None:
    [row] = change_rows("r", {"it's": (change('ä "b"', effect, acceptable=acceptable),)}, KnownChanges())
    assert (row.severity, row.accept_command) == (severity, command)
    text = alert_text(row)
    assert text.startswith(f"[{severity}] The source of it's has changed. column 'ä \"b\"': ")
    assert (command is not None) == ("Accept it" in text)
    assert command is None or f"`{command}`" in text
