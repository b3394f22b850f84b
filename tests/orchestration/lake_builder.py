"""A small contract, and a lake filled by hand: Parquet files and commits, without ingest's extraction."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from ingest.contracts.model import StreamContract
from ingest.contracts.parse import parse_contract
from ingest.lake import layout
from ingest.lake.batch import QUARANTINE_SCHEMA
from ingest.lake.commit import Commit, CommitKind, Counts, DataFile, Watermark
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
COLUMNS = {"id": "bigint", "name": "text", "price": "numeric(12,2)", "updated_at": "timestamptz"}

Record = Mapping[str, object]


def contract(
    columns: Mapping[str, str] = COLUMNS,
    *,
    stream: str = "things",
    key: Sequence[str] = ("id",),
    mode: str = "incremental",
    deletes: str = "keys",
    source: str = "postgres",
) -> StreamContract:
    """Return a contract of one stream; `columns` are Postgres types by name."""
    properties = [
        {
            "name": name,
            "logicalType": "string",
            "physicalType": type_,
            "required": name in key or name == "updated_at",
            **({"primaryKey": True, "primaryKeyPosition": key.index(name) + 1} if name in key else {}),
        }
        for name, type_ in columns.items()
    ]
    special = {"source": source, "prefix": "inventory", "mode": mode, "deletes": deletes}
    if mode == "incremental":
        special["cursor"] = "updated_at"
    document = {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": stream,
        "version": "1.0.0",
        "status": "active",
        "schema": [
            {
                "name": stream,
                "physicalName": f"public.{stream}",
                "properties": properties,
                "customProperties": [{"property": name, "value": value} for name, value in special.items()],
            }
        ],
    }
    return parse_contract(yaml.safe_dump(document), origin=stream)


class LakeBuilder:
    """Appends commits to one stream of a lake. A row is a mapping; a column that it lacks is null."""

    def __init__(self, store: ObjectStore, of: StreamContract) -> None:
        self.store = store
        self.contract = of
        self.log = CommitLog(store, of.stream)

    def data(self, *files: Sequence[Record], kind: CommitKind = CommitKind.DATA, **changes: object) -> Commit:
        """Return a commit of one file for each sequence of rows."""
        schema = pa.schema([(column.name, column.landing.arrow) for column in self.contract.columns])
        return self._append(kind, schema, files, **changes)

    def snapshot(self, rows: Sequence[Record]) -> Commit:
        return self.data(*([rows] if rows else []), kind=CommitKind.SNAPSHOT)

    def backfill(self, rows: Sequence[Record]) -> Commit:
        return self.data(rows, kind=CommitKind.BACKFILL)

    def deletes(self, keys: Sequence[Record]) -> Commit:
        schema = pa.schema([(column.name, column.landing.arrow) for column in self.contract.key_columns])
        return self._append(CommitKind.DELETES, schema, [keys] if keys else [])

    def keys(self, keys: Sequence[Record]) -> Commit:
        """Append all keys at the source, in the form of older releases."""
        schema = pa.schema([(column.name, column.landing.arrow) for column in self.contract.key_columns])
        return self._append(CommitKind.KEYS, schema, [keys] if keys else [])

    def replay(self, from_version: int) -> Commit:
        return self._append(CommitKind.REPLAY, pa.schema([]), [], replay_from=from_version)

    def parquet(self, schema: pa.Schema, rows: Sequence[Record], version: int, first: int = 1) -> bytes:
        """Return a Parquet file of `rows` with the platform's four columns."""
        count = len(rows)
        arrays = [pa.array([row.get(field.name) for row in rows], type=field.type) for field in schema]
        meta = [
            pa.array([f"batch-{version}"] * count, pa.string()),
            pa.array([version] * count, pa.int64()),
            pa.array(range(first, first + count), pa.int64()),
            pa.array([AT] * count, pa.timestamp("us", tz="UTC")),
        ]
        names = [*schema.names, "_batch_id", "_log_version", "_row_number", "_extracted_at"]
        return _parquet(pa.Table.from_arrays([*arrays, *meta], names=names))

    def put(self, body: bytes, rows: int, version: int, part: int, prefix: str | None = None) -> DataFile:
        """Write a file's object."""
        digest = hashlib.sha256(body).hexdigest()
        key = layout.data_key(
            prefix or self.contract.spec.prefix, self.contract.stream, at=AT, version=version, part=part, sha256=digest
        )
        self.store.put(key, body)
        return DataFile(key=key, rows=rows, bytes=len(body), sha256=digest)

    def quarantine(self, version: int, refused: Sequence[tuple[str | None, bytes]]) -> DataFile:
        """Write a quarantine file of (key, record)."""
        rows = [
            {"reason": "broken", "position": at, "key": key, "record": record, "_log_version": version}
            for at, (key, record) in enumerate(refused, 1)
        ]
        body = _parquet(pa.Table.from_pylist(rows, schema=QUARANTINE_SCHEMA))
        return self.put(body, len(rows), version, 0, prefix=layout.QUARANTINE)

    @property
    def next_version(self) -> int:
        head = self.log.head()
        return head.version + 1 if head else 1

    def _append(
        self, kind: CommitKind, schema: pa.Schema, parts: Sequence[Sequence[Record]], **changes: object
    ) -> Commit:
        version = self.next_version
        written, first = [], 1
        for part, rows in enumerate(parts):
            written.append(self.put(self.parquet(schema, rows, version, first), len(rows), version, part))
            first += len(rows)
        commit = Commit(
            stream=self.contract.stream,
            version=version,
            kind=kind,
            batch_id=f"batch-{version}",
            run_id="by-hand",
            contract_version=self.contract.version,
            contract_sha256=self.contract.sha256,
            window=None,
            watermark=Watermark(before=None, after=AT),
            files=tuple(written),
            counts=Counts(read=first - 1, landed=first - 1, quarantined=0),
            extracted_at=AT,
            committed_at=AT,
        ).model_copy(update=changes)
        self.log.append(commit)
        return commit


def thing(id_: int, name: str = "a", price: str = "1.00") -> Record:
    """Return a row of the default contract."""
    from decimal import Decimal

    return {"id": id_, "name": name, "price": Decimal(price), "updated_at": AT}


def _parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()
