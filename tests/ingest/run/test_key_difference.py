"""Keys are sorted and compared range by range: the result equals that of all keys at once, in whatever order
they come.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import ConfigurationError
from ingest.run import key_difference
from ingest.run.key_difference import KeyDifference
from ingest.scratch import engine_errors
from tests.orchestration.lake_builder import contract

KEYS = contract({"a": "text", "b": "bigint", "updated_at": "timestamptz"}, key=("a", "b"))
SCHEMA = pa.schema([("a", pa.string()), ("b", pa.int64())])
Key = tuple[str | None, int | None]
PART_BYTES = key_difference._PART_BYTES
WIDE = 90_000

keys = st.tuples(st.sampled_from([None, "", "a", "B", "ä", "z" * 20]), st.none() | st.integers(-3, 3))


@pytest.fixture(autouse=True, scope="module")
def _small_ranges() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ingest.run.key_difference._PART_BYTES", 3 * 64)
        patch.setattr("ingest.run.key_difference._SAMPLED", 2)
        yield


def written(folder: Path, name: str, rows: Sequence[Key]) -> Path:
    arrays = [pa.array([row[index] for row in rows], field.type) for index, field in enumerate(SCHEMA)]
    pq.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA), folder / name, row_group_size=8192)
    return folder / name


def in_order(rows: set[Key]) -> list[Key]:
    """Return the rows by the bytes of texts, with keys without a value last."""
    return sorted(rows, key=lambda row: [(part is None, _bytes(part)) for part in row])


def _bytes(part: Any) -> Any:
    return part.encode() if isinstance(part, str) else part or 0


def rows_of(batches: Iterator[pa.RecordBatch]) -> list[Key]:
    return [tuple(row.values()) for batch in batches for row in batch.to_pylist()]


@settings(max_examples=25, deadline=None)
@given(source=st.lists(keys, max_size=20), seen=st.lists(keys, max_size=20), gone_once=st.lists(keys, max_size=5))
def test_ranges_make_no_difference(source: list[Key], seen: list[Key], gone_once: list[Key]) -> None:
    living = set(seen) - set(gone_once)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with KeyDifference(folder, KEYS, written(folder, "source", source), SCHEMA) as difference:
            chunks = list(difference.chunks(4))
            difference.add_all_to_new()
            difference.add_seen([written(folder, "seen", seen)], version=1)
            difference.add_seen([written(folder, "gone", gone_once)], version=2, tombstones=True)
            assert rows_of(difference.gone()) == in_order(living - set(source))
            assert rows_of(difference.unknown(since=0)) == in_order(set(source) - living)
    assert rows_of(iter(pa.concat_tables(chunks).to_batches())) == in_order(set(source))


@settings(max_examples=10, deadline=None)
@given(st.sets(st.tuples(st.sampled_from(["", "a", "B", "ä"]), st.integers(-9, 9)), min_size=1, max_size=40))
def test_keys_that_need_no_sorting_are_cut_into_the_same_chunks(source: set[Key]) -> None:
    cut = []
    with tempfile.TemporaryDirectory() as name:
        for ordered in (True, False):
            folder = Path(name, str(ordered))
            folder.mkdir()
            path = written(folder, "source", in_order(source) if ordered else list(source))
            with KeyDifference(folder, KEYS, path, SCHEMA, ordered=ordered) as difference:
                cut.append([chunk.to_pylist() for chunk in difference.chunks(4)])
    assert cut[0] == cut[1]


@pytest.mark.slow
def test_wide_keys_fit_into_the_same_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """90 MB of them, which no range of as many rows as of numbers would leave room for."""
    monkeypatch.setattr("ingest.run.key_difference._PART_BYTES", PART_BYTES)
    rows = [((f"{n * 7919 % WIDE:08d}" * 125), 0) for n in range(WIDE)]
    source, seen = written(tmp_path, "source", rows[1:]), written(tmp_path, "seen", rows[:-1])
    with KeyDifference(tmp_path, KEYS, source, SCHEMA) as difference:
        difference.add_seen([seen], version=1)
        assert rows_of(difference.gone()) == rows[:1]
        assert sum(chunk.num_rows for chunk in difference.chunks(2**12)) == WIDE - 1


@pytest.mark.parametrize("error", [OSError("Out of Memory Error: failed to pin block"), MemoryError()])
def test_too_little_memory_is_said_wherever_it_shows(tmp_path: Path, error: BaseException) -> None:
    expected = ConfigurationError if isinstance(error, OSError) else MemoryError
    with pytest.raises(expected), engine_errors(tmp_path, "take more"):
        raise error
