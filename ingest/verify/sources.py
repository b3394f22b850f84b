"""The source's side of a comparison: its rows in landed form, and the keys that the lake need not hold yet."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from ingest.contracts.model import Mode, StreamContract
from ingest.lake.commit import Window
from ingest.sources.postgres.columns import RowConverter
from ingest.sources.prefetch import prefetched

if TYPE_CHECKING:
    from ingest.logs import Progress
    from ingest.sources.api.records import RecordDecoder
    from ingest.sources.api.saas import SaasStream
    from ingest.sources.postgres.reader import PostgresSession

_WHOLE = Window(start=None, end=None)


class SourceRows(Protocol):
    """The rows of one stream at its source. Read `unsettled` after `rows` has ended.

    `unsettled_in_lake` is a cursor: rows of the lake from it on are not compared either. `last_counts` says whether
    several rows may have one key, of which the last one counts.
    """

    schema: pa.Schema
    unsettled_in_lake: datetime | None
    last_counts: bool

    def rows(self) -> Iterator[pa.RecordBatch]:
        """Yield all rows that keep the contract, in landed form."""

    def unsettled(self) -> Iterator[pa.Table]:
        """Yield keys that the next run may land, and keys whose row the contract refuses."""


class PostgresRows:
    """A table at the run's snapshot. Rows below `boundary` were landed. It is None for a snapshot stream."""

    unsettled_in_lake: datetime | None = None
    last_counts = False

    def __init__(
        self, contract: StreamContract, session: PostgresSession, boundary: datetime | None, progress: Progress
    ) -> None:
        self._contract = contract
        self._session = session
        self._boundary = boundary
        self._progress = progress
        self._converter = RowConverter(contract, contract.columns)
        self._refused = 0
        self.schema = self._converter.schema

    def rows(self) -> Iterator[pa.RecordBatch]:
        window = None if self._contract.spec.mode is Mode.SNAPSHOT else _WHOLE
        read = 0
        for rows in self._session.read(self._contract, window):
            converted = self._converter.convert(rows)
            self._refused += converted.refused
            read += converted.batch.num_rows
            self._progress(self._contract.stream, read)
            yield converted.batch

    def unsettled(self) -> Iterator[pa.Table]:
        if self._boundary is not None:
            yield from self._keys(self._session.read_keys(self._contract, unsettled_from=self._boundary))
        if self._refused and self._contract.key:
            yield from self._keys(self._session.read_misfit_keys(self._contract))

    def _keys(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
        converter = RowConverter(self._contract, self._contract.key_columns)
        for batch in batches:
            yield pa.Table.from_batches([converter.convert(batch).batch])


class SaasRows:
    """A collection of the API, walked from its beginning. A record that may change is read at its present position."""

    last_counts = True

    def __init__(
        self,
        contract: StreamContract,
        source: SaasStream,
        decoder: RecordDecoder,
        boundary: datetime,
        progress: Progress,
    ) -> None:
        self._contract = contract
        self._source = source
        self._decoder = decoder
        self._boundary = boundary
        self._progress = progress
        self._above: list[pa.Table] = []
        self._refused: list[str] = []
        self.schema = decoder.schema
        self.unsettled_in_lake: datetime | None = boundary

    def rows(self) -> Iterator[pa.RecordBatch]:
        cursor = self._contract.cursor_column.name
        window = Window(start=None, end=None if self._contract.lands_keys else self._boundary)
        read = 0
        with prefetched(self._source.pages(window)) as pages:
            for page in pages:
                decoded = self._decoder.decode(page.records, first_position=read + 1)
                read += len(page.records)
                self._progress(self._contract.stream, read)
                self._refused += [record.key for record in decoded.refused if record.key is not None]
                above = pc.greater_equal(
                    decoded.rows[cursor], pa.scalar(self._boundary, decoded.rows.schema.field(cursor).type)
                )
                self._above.append(pa.Table.from_batches([decoded.rows]).select(self._contract.key).filter(above))
                yield decoded.rows

    def unsettled(self) -> Iterator[pa.Table]:
        yield from self._above
        if self._refused:
            keys = [msgspec.json.decode(key) for key in self._refused]
            yield pa.table({name: pa.array([str(key[name]) for key in keys]) for name in self._contract.key})
