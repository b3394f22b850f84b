"""The comparison of both sides, against a model of it in a few lines."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.verify.comparison import Comparison, Difference, LakeFile
from ingest.verify.spool import spool

SCHEMA = pa.schema([("id", pa.int64()), ("value", pa.string())])
Row = tuple[int, str | None]
ROWS = st.tuples(st.integers(0, 4), st.sampled_from(["a", "b", "", None]))


@dataclass(frozen=True)
class Version:
    """A version of the lake's log: rows, tombstones, or an older release's key set."""

    rows: tuple[Row, ...] = ()
    gone: frozenset[int] = frozenset()
    keys: frozenset[int] | None = None


VERSIONS = st.lists(
    st.one_of(
        st.builds(Version, rows=st.lists(ROWS, max_size=4).map(tuple)),
        st.builds(Version, gone=st.frozensets(st.integers(0, 4))),
        st.builds(Version, keys=st.frozensets(st.integers(0, 4))),
    ),
    max_size=5,
)


def expected(
    source: Sequence[Row], versions: Sequence[Version], unsettled: frozenset[int], *, last: bool
) -> Counter[str]:
    """Return the result for each key by the rules in words.

    The lake's last row counts, unless its key has a newer tombstone, or a newer key set lacks it.
    """
    lake: dict[int, tuple[int, str | None]] = {}
    key_set: tuple[int, frozenset[int]] | None = None
    for number, version in enumerate(versions, 1):
        for key, value in version.rows:
            lake[key] = (number, value)
        for key in version.gone:
            lake.pop(key, None)
        if version.keys is not None:
            key_set = (number, version.keys)
    if key_set is not None:
        lake = {key: row for key, row in lake.items() if row[0] > key_set[0] or key in key_set[1]}
    verdicts: Counter[str] = Counter()
    for key in {key for key, _ in source} | set(lake) | unsettled:
        rows = [value for other, value in source if other == key]
        if key in unsettled:
            verdicts[Difference.IN_FLIGHT] += 1
        elif len(rows) > 1 and not last:
            verdicts[Difference.DOUBLED] += 1
        elif not rows:
            verdicts[Difference.EXTRA] += 1
        elif key not in lake:
            verdicts[Difference.MISSING] += 1
        else:
            verdicts[Difference.EQUAL if lake[key][1] == rows[-1] else Difference.CHANGED] += 1
    return verdicts


def batch(rows: Sequence[Row]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([{"id": key, "value": value} for key, value in rows], schema=SCHEMA)


@contextmanager
def comparison(source: Sequence[Row], key: Sequence[str], *, last: bool = False) -> Iterator[tuple[Comparison, Path]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spool(folder / "source.parquet", SCHEMA, [batch([row]) for row in source])
        with Comparison(
            folder, folder / "source.parquet", SCHEMA.names, key, last_counts=last, memory_limit="256MB"
        ) as found:
            found.add_source()
            yield found, folder


def lake_file(folder: Path, number: int, rows: pa.RecordBatch) -> LakeFile:
    table = pa.Table.from_batches([rows])
    table = table.append_column("_log_version", pa.array([number] * rows.num_rows, pa.int64()))
    table = table.append_column("_row_number", pa.arange(1, rows.num_rows + 1))
    path = folder / f"{number}.parquet"
    pq.write_table(table, path)
    return LakeFile(number, path, frozenset(table.column_names))


@settings(max_examples=40)
@given(st.lists(ROWS, max_size=6), VERSIONS, st.frozensets(st.integers(0, 4), max_size=2), st.booleans())
def test_whatever_was_landed_each_key_is_judged_as_the_rules_say(
    source: list[Row], versions: list[Version], unsettled: frozenset[int], last: bool
) -> None:
    with comparison(source, ["id"], last=last) as (found, folder):
        newest: tuple[int, Version] | None = None
        for number, version in enumerate(versions, 1):
            if version.keys is not None:
                newest = number, version
            elif version.gone:
                keys = batch([(key, None) for key in sorted(version.gone)])
                found.add_tombstones(lake_file(folder, number, keys))
            elif version.rows:
                found.add_lake(lake_file(folder, number, batch(version.rows)))
        if newest is not None:
            found.add_key_set(lake_file(folder, newest[0], batch([(key, None) for key in newest[1].keys or ()])))
        found.add_unsettled(pa.table({"id": pa.array(sorted(unsettled), pa.int64())}))
        judged = found.judge(key_set_version=newest[0] if newest else None)

        assert Counter({str(verdict): rows for verdict, rows in judged.items()}) == expected(
            source, versions, unsettled, last=last
        )
        landed = [row["id"] for rows in found.rows_to_land(SCHEMA) for row in rows.to_pylist()]
        assert len(landed) == judged.get(Difference.CHANGED, 0) + judged.get(Difference.MISSING, 0)
        if judged.get(Difference.CHANGED):
            assert found.files_of_changed() != []


@settings(max_examples=20)
@given(st.lists(ROWS, max_size=8), st.lists(ROWS, max_size=8))
def test_rows_without_a_key_are_compared_as_a_multiset(source: list[Row], landed: list[Row]) -> None:
    with comparison(source, []) as (found, folder):
        if landed:
            found.add_lake(lake_file(folder, 1, batch(landed)))
        judged = found.judge(key_set_version=None)
    one, other = Counter(source), Counter(landed)
    wanted = {
        Difference.EQUAL: (one & other).total(),
        Difference.MISSING: (one - other).total(),
        Difference.EXTRA: (other - one).total(),
    }
    assert {verdict: rows for verdict, rows in judged.items() if rows} == {k: v for k, v in wanted.items() if v}


def test_no_two_rows_look_alike_whatever_separates_their_values() -> None:
    schema = pa.schema([("id", pa.int64()), ("a", pa.string()), ("b", pa.string())])
    values = ["", None, "-", "1:", "1:x", "x", "0:", ":", "x1:x"]
    rows = [{"id": 1, "a": a, "b": b} for a in values for b in values]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spool(folder / "source.parquet", schema, [pa.RecordBatch.from_pylist(rows, schema=schema)])
        with Comparison(
            folder, folder / "source.parquet", ["a", "b"], [], last_counts=False, memory_limit="256MB"
        ) as found:
            found.add_source()
            assert found.judge(key_set_version=None)[Difference.MISSING] == len(rows)
            assert found._query("SELECT count(DISTINCT (head, tail)) FROM seen") == [(len(rows),)]
