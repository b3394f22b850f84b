"""Quarantine by stream, version and reason, as a run leaves it, from the lake's log and files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing

from ingest.apart import apart
from ingest.contracts.model import StreamContract
from ingest.errors import DamagedLakeError
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from ingest.run.quarantine import Refusal, may_change_quarantine
from orchestration.ops.refused_log import RefusedLog
from orchestration.ops.texts import for_readers
from orchestration.reconcile.kept import KeptCounts, name_of, open_kept
from orchestration.warehouse.ops.rows import QuarantineRow

_AT_ONCE = 4
_LOOKED_AT = 20


def quarantine_rows(
    store: ObjectStore,
    contracts: Iterable[StreamContract],
    run_id: str,
    kept: KeptCounts,
    news: Mapping[str, Sequence[int]] | None = None,
) -> tuple[QuarantineRow, ...]:
    """Return a row for each version and reason of these streams that has open records, or that changed in `news`.

    `news` are a stream's versions since its rows were last returned; None means all. A row changed if one of these
    versions refused, settled or replaced its records. What was read before is in files of `kept`. A stream whose log
    is damaged has no rows. Raises the object store's errors if the lake cannot be read.
    """
    found = apart(
        contracts,
        lambda contract: _rows(
            contract.stream,
            _refusals(store, contract, kept),
            run_id,
            None if news is None else frozenset(news.get(contract.stream, ())),
        ),
        at_once=_AT_ONCE,
    )
    return tuple(row for rows in found.results for row in rows)


def may_differ(store: ObjectStore, contract: StreamContract, versions: Sequence[int]) -> bool:
    """Return whether quarantine may have changed since before `versions`, which are consecutive, were landed.

    It makes one request for each version, and returns True without a request if there are too many. It also returns
    True for a damaged log, so that the caller counts and names the stream. Raises the object store's errors.
    """
    if not versions or len(versions) > _LOOKED_AT:
        return bool(versions)
    log = CommitLog(store, contract.stream)
    try:
        before = log.read(versions[0] - 1)
        for version in versions:
            commit = log.required(version)
            if may_change_quarantine(commit, before, contract):
                return True
            before = commit
    except DamagedLakeError:
        return True
    return False


def _refusals(store: ObjectStore, contract: StreamContract, kept: KeptCounts) -> list[tuple[Refusal, int | None]]:
    head = CommitLog(store, contract.stream).head()
    with kept.file(name_of(store, contract.stream, of="refused")) as path, closing(open_kept(path)) as connection:
        log = RefusedLog(connection, contract, store)
        log.read_to(head.version if head else 0)
        return log.refusals()


def _rows(
    stream: str, refusals: Iterable[tuple[Refusal, int | None]], run_id: str, news: frozenset[int | None] | None
) -> list[QuarantineRow]:
    settled_by: dict[tuple[int, str], list[int | None]] = defaultdict(list)
    for refusal, version in refusals:
        # Reasons that look the same to readers are one reason.
        settled_by[refusal.version, for_readers(refusal.reason)].append(version)
    rows = []
    for (version, reason), settlers in sorted(settled_by.items()):
        open_records = settlers.count(None)
        if not open_records and news is not None and news.isdisjoint([version, *settlers]):
            continue
        row = QuarantineRow(
            run_id=run_id,
            stream=stream,
            version=version,
            reason=reason,
            records=len(settlers),
            open_records=open_records,
            state="open" if open_records else "settled",
        )
        rows.append(row)
    return rows
