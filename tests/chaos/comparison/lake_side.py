"""The content of the lake: the log in the bucket, and the files that its commits name, each checked.

It uses no code of the loaders: objects are fetched whole, hashed, and read by pyarrow.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow.parquet as pq

from ingest.contracts.model import StreamContract
from ingest.lake.objects.store import ObjectStore
from tests.chaos.comparison.rows import Key, Row, Tombstone, canonical, current

APPENDED = ("data", "snapshot", "backfill")


@dataclass
class LakeSide:
    """One stream's log and landed rows. `findings` are broken promises of the log."""

    commits: list[dict[str, Any]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    tombstones: list[Tombstone] = field(default_factory=list)
    refused_keys: set[Key] = field(default_factory=set)
    refused_records: set[bytes] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    findings: list[str] = field(default_factory=list)

    @property
    def watermark(self) -> datetime | None:
        """The watermark of the last commit."""
        after = self.commits[-1]["watermark"]["after"] if self.commits else None
        return datetime.fromisoformat(after) if after else None

    def current(self, contract: StreamContract) -> dict[Key, Row]:
        """Return the current rows by key."""
        return current(self.shown(contract, self.rows), contract.key, self.tombstones)

    def shown(self, contract: StreamContract, rows: list[Row]) -> list[Row]:
        """Return the rows that count: for a snapshot stream, those of its newest snapshot."""
        if contract.spec.mode.value != "snapshot":
            return rows
        newest = max((item["version"] for item in self.commits if item["kind"] == "snapshot"), default=0)
        return [row for row in rows if row.version == newest]


def read_lake(store: ObjectStore, contract: StreamContract) -> LakeSide:
    """Read one stream of the lake completely."""
    side = LakeSide()
    _read_log(store, contract, side)
    _check_watermarks(side)
    with ThreadPoolExecutor(max_workers=8) as pool:
        for commit, tables in zip(side.commits, pool.map(lambda item: _fetch(store, item), side.commits), strict=True):
            _take(contract, commit, tables, side)
    return side


def _read_log(store: ObjectStore, contract: StreamContract, side: LakeSide) -> None:
    prefix = f"_log/{contract.stream}/"
    versions = sorted(
        int(name) for item in store.list(prefix) if (name := item.key.removeprefix(prefix)[:-5]).isdigit()
    )
    if versions != list(range(1, len(versions) + 1)):
        side.findings.append(f"the log's versions are not 1 to {len(versions)}: {versions[:3]} ... {versions[-3:]}")
    with ThreadPoolExecutor(max_workers=8) as pool:
        bodies = list(pool.map(lambda version: store.get(f"{prefix}{version:020d}.json"), versions))
    side.commits = [json.loads(body) for body in bodies if body is not None]
    for version, commit in zip(versions, side.commits, strict=True):
        if commit["version"] != version or commit["stream"] != contract.stream:
            side.findings.append(f"version {version} says that it is {commit['stream']} {commit['version']}")


def _check_watermarks(side: LakeSide) -> None:
    """Check that each commit begins at the watermark of the one before, and that none moves it back."""
    previous = None
    for commit in side.commits:
        before, after = (_moment(commit["watermark"][name]) for name in ("before", "after"))
        if before != previous:
            side.findings.append(f"version {commit['version']} begins at {before}, but the one before left {previous}")
        if before is not None and (after is None or after < before):
            side.findings.append(f"version {commit['version']} moves the watermark back from {before} to {after}")
        previous = after


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


@dataclass(frozen=True)
class _File:
    entry: dict[str, Any]
    body: bytes | None
    quarantine: bool

    def faults(self) -> Iterator[str]:
        """Yield the differences between the file and its entry in the commit."""
        if self.body is None:
            yield f"{self.entry['key']} is in a commit, but not in the bucket"
        elif hashlib.sha256(self.body).hexdigest() != self.entry["sha256"]:
            yield f"{self.entry['key']} does not have the SHA-256 that its commit states"
        elif len(self.body) != self.entry["bytes"]:
            yield f"{self.entry['key']} has {len(self.body)} bytes, its commit says {self.entry['bytes']}"

    def rows(self) -> list[dict[str, Any]]:
        return [] if self.body is None else pq.read_table(io.BytesIO(self.body)).to_pylist()


def _fetch(store: ObjectStore, commit: dict[str, Any]) -> list[_File]:
    kinds = (("files", False), ("quarantine", True))
    return [_File(entry, store.get(entry["key"]), refused) for name, refused in kinds for entry in commit[name]]


def _take(contract: StreamContract, commit: dict[str, Any], files: list[_File], side: LakeSide) -> None:
    number = 0
    for file in files:
        side.files.add(file.entry["key"])
        faults = list(file.faults())
        side.findings += faults
        rows = [] if faults else file.rows()
        if not faults and len(rows) != file.entry["rows"]:
            side.findings.append(f"{file.entry['key']} has {len(rows)} rows, its commit says {file.entry['rows']}")
        if file.quarantine:
            _take_refused(contract, rows, side)
            continue
        for values in rows:
            number += 1
            _check_meta(commit, values, number, side)
            if commit["kind"] == "deletes":
                side.tombstones.append(to_tombstone(contract, values))
            elif commit["kind"] in APPENDED:
                side.rows.append(to_row(contract, values))
    if number != commit["counts"]["landed"]:
        side.findings.append(f"version {commit['version']} says {commit['counts']['landed']} landed, and has {number}")


def _check_meta(commit: dict[str, Any], values: dict[str, Any], number: int, side: LakeSide) -> None:
    found = (values["_log_version"], values["_row_number"], values["_batch_id"])
    if found != (commit["version"], number, commit["batch_id"]):
        side.findings.append(f"row {number} of version {commit['version']} says that it is {found}")


def _take_refused(contract: StreamContract, rows: list[dict[str, Any]], side: LakeSide) -> None:
    for refused in rows:
        side.refused_records.add(refused["record"])
        if refused["key"] is not None:
            named = json.loads(refused["key"])
            side.refused_keys.add(tuple(canonical(named[name]) for name in contract.key))


def to_tombstone(contract: StreamContract, values: dict[str, Any]) -> Tombstone:
    """Return a tombstone from its values in Parquet or RAW."""
    return values["_log_version"], tuple(canonical(values[name]) for name in contract.key)


def to_row(contract: StreamContract, values: dict[str, Any]) -> Row:
    """Return a row from its values in Parquet or RAW. A column that the contract gained later is null in
    older files.
    """
    named = {column.name: canonical(values.get(column.name)) for column in contract.columns}
    return Row(values["_log_version"], values["_row_number"], named)
