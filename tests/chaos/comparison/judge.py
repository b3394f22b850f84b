"""The judgement that ends every campaign: source, lake, RAW and staging, compared by key and by a hash of the content.

    judgement = Judge(settings, store, warehouse_directory, scratch).judge(contracts)
    judgement.require_innocent()

The judge reads each side with code of its own: psycopg2 and httpx at the sources; whole objects, hashed and read by
pyarrow, in the lake; DuckDB's tables; and the staging views that dbt builds. It speaks of a source that is at rest: the
campaign's last run and load come after the last change of the source.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ingest.contracts.model import Source, StreamContract
from ingest.lake.objects.store import ObjectStore
from ingest.settings import IngestSettings
from tests.chaos.comparison.lake_side import LakeSide, read_lake
from tests.chaos.comparison.rows import Difference, Digests, Key, Row, Tombstone, digest, doubled, shown
from tests.chaos.comparison.source_side import SourceSide, read_source
from tests.chaos.comparison.warehouse_side import (
    RawSide,
    build_staging,
    database_file,
    has_staging,
    opened,
    read_raw,
    read_staging,
)


@dataclass(frozen=True)
class Verdict:
    """The verdict on one stream: rows at each stop (None: not counted), and the findings."""

    stream: str
    versions: int
    source: int
    refused: int
    lake: int
    raw: int | None
    staging: int | None
    findings: tuple[str, ...]

    def __str__(self) -> str:
        counts = f"source {self.source:,}, lake {self.lake:,}, RAW {self.raw}, staging {self.staging}"
        return f"{self.stream} ({self.versions} versions): {counts}; " + ("; ".join(self.findings) or "equal")


@dataclass(frozen=True)
class Judgement:
    """All streams' verdicts, and findings that concern no single stream."""

    verdicts: tuple[Verdict, ...]
    general: tuple[str, ...] = ()

    @property
    def findings(self) -> list[str]:
        """All findings, each with its stream."""
        found = [f"{verdict.stream}: {item}" for verdict in self.verdicts for item in verdict.findings]
        return [*found, *self.general]

    @property
    def rows(self) -> int:
        """Number of rows at the sources."""
        return sum(verdict.source for verdict in self.verdicts)

    def require_innocent(self) -> None:
        """Raise AssertionError that tells every finding."""
        assert not self.findings, "\n".join(self.findings)


@dataclass(frozen=True)
class Judge:
    """Compares the streams of one source, one lake and one warehouse.

    `warehouse` is the directory that loaders write, None where nothing was loaded; with `staging` False dbt is left
    out. `scratch` is a folder for dbt's own files, best shared by all judges of a session; without one, the staging
    views are taken as they are in the warehouse.
    """

    settings: IngestSettings
    store: ObjectStore
    warehouse: Path | None = None
    scratch: Path | None = None
    staging: bool = True

    def judge(
        self,
        contracts: Sequence[StreamContract],
        *,
        landed_once: bool = True,
        objects_read: Iterable[str] | None = None,
    ) -> Judgement:
        """Return the verdict on each stream.

        `landed_once` asks that no version of a row was landed twice; only a backfill, a page cursor that expired, or a
        lateness make that happen, and streams with a lateness are never asked. `objects_read` are keys of all objects
        that loaders fetched: none of them may be a data file that no commit names.
        """
        staged = [contract for contract in contracts if has_staging(contract)] if self._loaded and self.staging else []
        if staged and self.scratch is not None:
            assert self.warehouse is not None
            build_staging(self.warehouse, staged, scratch=self.scratch)
        lakes = {contract.stream: read_lake(self.store, contract) for contract in contracts}
        verdicts = tuple(
            self._verdict(contract, lakes[contract.stream], landed_once, contract in staged) for contract in contracts
        )
        committed = {key for lake in lakes.values() for key in lake.files}
        return Judgement(verdicts, tuple(_read_outside_a_commit(contracts, committed, objects_read or ())))

    @property
    def _loaded(self) -> bool:
        return self.warehouse is not None and database_file(self.warehouse).exists()

    def _verdict(self, contract: StreamContract, lake: LakeSide, landed_once: bool, staged: bool) -> Verdict:
        source = read_source(self.settings, contract, lake.watermark)
        case = _Case(contract, source, lake, findings=list(lake.findings))
        case.compare_lake()
        if landed_once and not contract.spec.allowed_lateness:
            case.look_for_doubles()
        raw = staging = None
        if self.warehouse is not None and self._loaded:
            with opened(self.warehouse) as connection:
                raw = case.compare_raw(read_raw(connection, contract))
                staging = case.compare_staging(read_staging(connection, contract)) if staged else None
        return Verdict(
            stream=contract.stream,
            versions=len(lake.commits),
            source=case.settled(source.rows) + len(source.unreadable),
            refused=case.refused,
            lake=case.settled(case.lake_rows),
            raw=raw,
            staging=staging,
            findings=tuple(case.findings),
        )


@dataclass
class _Case:
    """One stream on trial."""

    contract: StreamContract
    source: SourceSide
    lake: LakeSide
    findings: list[str]
    refused: int = 0
    expected: dict[Key, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lake_rows = self.lake.current(self.contract)

    def settled(self, keys: Iterable[Key]) -> int:
        """Return how many of the keys the watermark covers. An API may have new records since."""
        return sum(key not in self.source.unsettled for key in keys)

    def compare_lake(self) -> None:
        """Check that the lake's current rows are the source's, or lie in quarantine."""
        for key, values in self.source.rows.items():
            if key in self.source.unsettled:
                continue
            if key not in self.lake_rows and self._is_refused(key):
                self.refused += 1
            else:
                self.expected[key] = digest(values[column.name] for column in self.contract.columns)
        missing = [record for record in self.source.unreadable if record not in self.lake.refused_records]
        if missing:
            self.findings.append(f"lake: {len(missing)} unreadable records lost: {missing[0]!r}")
        self.refused += len(self.source.unreadable) - len(missing)
        self._compare("lake", self._digests(self.lake_rows))

    def look_for_doubles(self) -> None:
        """Check that no version of a row was landed more often than the source gave it."""
        cursor = self.contract.spec.cursor
        if cursor is None:
            return
        landed = [(*row.key(self.contract.key), row.values[cursor]) for row in self.lake.rows]
        if twice := doubled(landed, self.source.given):
            self.findings.append(f"lake: {len(twice)} versions of rows landed twice: {shown(twice)}")

    def compare_raw(self, raw: RawSide) -> int:
        """Check that RAW holds each landed row and tombstone once, and its ledger each version once."""
        self._compare_ledger(raw.ledger)
        found = [_place(row) for row in raw.rows]
        if twice := doubled(found):
            self.findings.append(f"RAW: {len(twice)} rows loaded twice (version/row): {shown(twice)}")
        history = Difference.between(self._history(self.lake.rows), self._history(raw.rows))
        self.findings += history.findings("RAW (version/row)")
        if self.contract.lands_keys:
            self._compare_tombstones(raw.tombstones)
        current = self._current_raw(raw)
        self._compare("RAW", self._digests(current))
        return self.settled(current)

    def compare_staging(self, rows: Collection[dict[str, str]]) -> int:
        """Check that staging shows each current row once."""
        keys = [tuple(row[name] for name in self.contract.key) for row in rows]
        if twice := doubled(keys):
            self.findings.append(f"staging: {len(twice)} keys doubled: {shown(twice)}")
        names = [column.name for column in self.contract.columns]
        found = {key: digest(row[name] for name in names) for key, row in zip(keys, rows, strict=True)}
        self._compare("staging", found)
        return self.settled(keys)

    def _compare_ledger(self, ledger: list[tuple[int, str, str]]) -> None:
        versions = [version for version, _, _ in ledger]
        if len(versions) != len(set(versions)):
            self.findings.append("RAW: a version is in the ledger twice")
        committed = [(commit["version"], commit["kind"], commit["batch_id"]) for commit in self.lake.commits]
        if ledger != committed:
            wrong = [entry for entry in ledger if entry not in committed]
            self.findings.append(
                f"RAW: the ledger has {len(ledger)} versions, the log {len(committed)}"
                + (f"; not those of the log: {wrong[:3]}" if wrong else "")
            )

    def _compare_tombstones(self, tombstones: list[Tombstone]) -> None:
        found = [(str(version), *key) for version, key in tombstones]
        if twice := doubled(found):
            self.findings.append(f"RAW: {len(twice)} tombstones doubled (version/key): {shown(twice)}")
        wanted = {(str(version), *key): "" for version, key in self.lake.tombstones}
        self.findings += Difference.between(wanted, dict.fromkeys(found, "")).findings("RAW's tombstones")

    def _current_raw(self, raw: RawSide) -> dict[Key, Row]:
        side = LakeSide(commits=self.lake.commits, rows=raw.rows, tombstones=raw.tombstones)
        return side.current(self.contract)

    def _is_refused(self, key: Key) -> bool:
        if self.contract.spec.source is Source.POSTGRES:
            return key in self.lake.refused_keys
        return self.source.records[key] in self.lake.refused_records

    def _compare(self, where: str, found: Digests) -> None:
        settled = {key: content for key, content in found.items() if key not in self.source.unsettled}
        self.findings += Difference.between(self.expected, settled).findings(where)

    def _digests(self, rows: dict[Key, Row]) -> dict[Key, str]:
        return {key: self._digest(row) for key, row in rows.items()}

    def _history(self, rows: Iterable[Row]) -> dict[Key, str]:
        return {_place(row): self._digest(row) for row in rows}

    def _digest(self, row: Row) -> str:
        return digest(row.values[column.name] for column in self.contract.columns)


def _place(row: Row) -> Key:
    return (str(row.version), str(row.number))


def _read_outside_a_commit(
    contracts: Sequence[StreamContract], committed: Collection[str], objects_read: Iterable[str]
) -> list[str]:
    prefixes = tuple(f"{contract.spec.prefix}/{contract.stream}/" for contract in contracts)
    strange = sorted({key for key in objects_read if key.startswith(prefixes)} - set(committed))
    return [f"{len(strange)} files were read that no commit names: {', '.join(strange[:3])}"] if strange else []
