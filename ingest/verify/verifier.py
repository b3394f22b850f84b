"""Compares one stream's source with the lake: reads the source to disk, then the lake's files one by one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path

import pyarrow as pa

from ingest.contracts.model import StreamContract
from ingest.contracts.names import quoted
from ingest.lake.commit import Commit
from ingest.lake.objects.store import ObjectStore
from ingest.verify.comparison import Comparison, Difference
from ingest.verify.lake_rows import LakeFiles, downloaded
from ingest.verify.report import Found, Verification
from ingest.verify.sources import SourceRows
from ingest.verify.spool import spool


class Compared:
    """The result of a comparison, while the rows are still on disk.

    `rows_to_land` yields the source rows that the lake lacks.
    """

    def __init__(self, comparison: Comparison, verification: Verification, schema: pa.Schema) -> None:
        self._comparison = comparison
        self.schema = schema
        self.verification = verification

    def rows_to_land(self) -> Iterator[pa.RecordBatch]:
        """Yield the changed and missing rows, as they were read at the source."""
        return self._comparison.rows_to_land(self.schema)


@contextmanager
def compared(
    store: ObjectStore,
    contract: StreamContract,
    commits: Sequence[Commit],
    source: SourceRows,
    *,
    memory_limit: str,
) -> Iterator[Compared]:
    """Compare `source` with the lake as of the last of `commits`, which are all commits of the stream up to that one.

    Raises DamagedLakeError for a missing or altered file, ConfigurationError if the disk is full, and any error of the
    source.
    """
    files = LakeFiles.of(contract, commits)
    # Rows of a snapshot are a multiset, unless a unique key distinguishes them.
    key = contract.key if contract.spec.cursor is not None or contract.spec.key_enforced else ()
    with tempfile.TemporaryDirectory(prefix="ingest-verify-") as name:
        folder = Path(name)
        spooled = folder / "source.parquet"
        spool(spooled, source.schema, source.rows())
        names = [column.name for column in contract.columns]
        with Comparison(
            folder, spooled, names, key, last_counts=source.last_counts, memory_limit=memory_limit
        ) as comparison:
            comparison.add_source()
            if key:
                for keys in source.unsettled():
                    comparison.add_unsettled(keys)
            rows = list(enumerate(files.rows))
            unsettled = _unsettled_in_lake(contract, source)
            with downloaded(store, folder, rows) as lake:
                for file in lake:
                    comparison.add_lake(file, unsettled=unsettled)
            with downloaded(store, folder, list(enumerate(files.key_set))) as lake:
                for file in lake:
                    comparison.add_key_set(file)
            with downloaded(store, folder, list(enumerate(files.tombstones))) as lake:
                for file in lake:
                    comparison.add_tombstones(file)
            counts = comparison.judge(key_set_version=files.key_set_version)
            columns: tuple[tuple[str, int], ...] = ()
            looked_at = 0
            if counts.get(Difference.CHANGED):
                numbers = set(comparison.files_of_changed())
                with downloaded(store, folder, [pair for pair in rows if pair[0] in numbers]) as lake:
                    for file in lake:
                        comparison.look_at(file)
                columns, looked_at = comparison.changed_columns()
            found = _found(contract, counts, comparison.keys)
            verification = Verification(
                stream=contract.stream,
                version=commits[-1].version,
                equal=counts.get(Difference.EQUAL, 0),
                in_flight=counts.get(Difference.IN_FLIGHT, 0),
                changed=found(Difference.CHANGED),
                missing=found(Difference.MISSING),
                extra=found(Difference.EXTRA),
                doubled=found(Difference.DOUBLED),
                columns=columns,
                looked_at=looked_at,
                finds_deletions=contract.lands_keys or contract.spec.cursor is None,
            )
            yield Compared(comparison, verification, source.schema)


def _unsettled_in_lake(contract: StreamContract, source: SourceRows) -> str | None:
    """Return the SQL condition of a file's rows that are not compared. Its cursor is a moment in UTC."""
    if source.unsettled_in_lake is None:
        return None
    first = f"{source.unsettled_in_lake.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00"
    return f"{quoted(contract.cursor_column.name)} >= TIMESTAMPTZ '{first}'"


def _found(
    contract: StreamContract, counts: dict[Difference, int], keys: Callable[[Difference], list[tuple[str, ...]]]
) -> Callable[[Difference], Found]:
    personal = any(column.pii for column in contract.key_columns)

    def found(difference: Difference) -> Found:
        rows = counts.get(difference, 0)
        if not rows or personal:
            return Found(rows)
        pairs = (zip(contract.key, key, strict=True) for key in keys(difference))
        return Found(rows, tuple(", ".join(f"{name}={value}" for name, value in key) for key in pairs))

    return found
