"""The present quarantine by stream, version and reason, from the lake's log and files, like `ingest quarantine`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
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
    store: ObjectStore, contracts: Iterable[StreamContract], run_id: str, kept: KeptCounts
) -> tuple[QuarantineRow, ...]:
    """Return a row for each version and reason of these streams. Settled records are counted too.

    What was read before is in files of `kept`. A stream whose log is damaged has no rows. Raises the object store's
    errors if the lake cannot be read.
    """
    found = apart(
        contracts,
        lambda contract: _rows(contract.stream, _refusals(store, contract, kept), run_id),
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


def _refusals(store: ObjectStore, contract: StreamContract, kept: KeptCounts) -> list[tuple[Refusal, bool]]:
    head = CommitLog(store, contract.stream).head()
    with kept.file(name_of(store, contract.stream, of="refused")) as path, closing(open_kept(path)) as connection:
        log = RefusedLog(connection, contract, store)
        log.read_to(head.version if head else 0)
        return log.refusals()


def _rows(stream: str, refusals: Iterable[tuple[Refusal, bool]], run_id: str) -> list[QuarantineRow]:
    every: Counter[tuple[int, str]] = Counter()
    still_open: Counter[tuple[int, str]] = Counter()
    for refusal, is_open in refusals:
        # Reasons that look the same to readers are one reason.
        place = (refusal.version, for_readers(refusal.reason))
        every[place] += 1
        still_open[place] += is_open
    return [
        QuarantineRow(
            run_id=run_id,
            stream=stream,
            version=version,
            reason=reason,
            records=count,
            open_records=still_open[version, reason],
            state="open" if still_open[version, reason] else "settled",
        )
        for (version, reason), count in sorted(every.items())
    ]
