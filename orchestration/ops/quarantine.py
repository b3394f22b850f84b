"""Quarantine as it stands, by stream, version and reason. From the lake's log and files, as `ingest quarantine` is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ingest.apart import apart
from ingest.contracts.model import StreamContract
from ingest.errors import DamagedLakeError
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from ingest.run.quarantine import Quarantine, RefusedRecord, may_change_quarantine
from orchestration.ops.texts import for_readers
from orchestration.warehouse.ops.rows import QuarantineRow

_AT_ONCE = 4
_LOOKED_AT = 20


def quarantine_rows(store: ObjectStore, contracts: Iterable[StreamContract], run_id: str) -> tuple[QuarantineRow, ...]:
    """A row for each version and reason of these streams, of records that were settled since, too.

    A stream whose log is damaged has none. Raises what the lake raises where it cannot be read.
    """
    found = apart(
        contracts,
        lambda contract: _rows(contract.stream, Quarantine(store, contract).records(), run_id),
        at_once=_AT_ONCE,
    )
    return tuple(row for rows in found.results for row in rows)


def may_differ(store: ObjectStore, contract: StreamContract, versions: Sequence[int]) -> bool:
    """Whether quarantine may be another one since these versions were landed, which follow one another.

    Costs a request for each, and none above some. A damaged log says yes: whoever counts it names the stream.
    Raises what the lake raises where it cannot be read.
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


def _rows(stream: str, records: Iterable[RefusedRecord], run_id: str) -> list[QuarantineRow]:
    every: Counter[tuple[int, str]] = Counter()
    still_open: Counter[tuple[int, str]] = Counter()
    for record in records:
        # As readers see it: reasons that they cannot tell apart are one.
        place = (record.version, for_readers(record.reason))
        every[place] += 1
        still_open[place] += record.is_open
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
