"""Checks of COPY: of one landed file, rolled back; of texts, times and numbers that a loader must never alter."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.contracts.model import StreamContract
from ingest.contracts.types import TEXT, Kind, LandingType
from ingest.errors import AccessError, DamagedLakeError, FatalError, TransientError
from ingest.findings import Check, NotSeenError, Seen, wrong
from ingest.lake import layout
from ingest.lake.commit import DataFile
from ingest.lake.counting import APPENDED
from ingest.lake.log import CommitLog
from orchestration.warehouse.ddl import Table, TableColumn, data_table
from orchestration.warehouse.snowflake.copy import literal
from orchestration.warehouse.snowflake.dialect import SNOWFLAKE
from orchestration.warehouse.snowflake.doctor.account import Account, Role, rolled_back
from orchestration.warehouse.snowflake.session import SnowflakeSession

_VERSIONS_LOOKED_AT = 20
_AT = datetime(2000, 1, 1, tzinfo=UTC)
_MOMENT = datetime(2026, 7, 1, 10, 0, 0, 123456, tzinfo=UTC)
_TEXTS = ("", None, "********", "\N{SNOWFLAKE}")
_REPORT = "Report it: the loader reads an answer of another form (`orchestration/warehouse/snowflake/copy.py`)."


def checks(account: Account) -> Iterator[Check]:
    """Yield all checks of COPY."""
    yield Check(
        "COPY: a landed file", "its rows, told for the file, and gone after ROLLBACK", partial(_landed, account)
    )
    yield Check(
        "COPY_HISTORY", "tells of a COPY that was committed, not of one rolled back", partial(_history, account)
    )
    yield Check("COPY: an empty text", "stays an empty text, and NULL stays NULL", partial(_texts, account))
    yield Check("COPY: times", "to the microsecond, with and without zone", partial(_times, account))
    yield Check("COPY: a number that would be rounded", "refused", partial(_rounding, account))


def _landed(account: Account) -> Seen:
    contract, file = _landed_file(account)
    session = account.session(Role.LOADER)
    with account.scratch_table(
        Role.LOADER, account.schemas.raw, data_table(contract, account.schemas.raw).columns
    ) as table:
        try:
            with rolled_back(session):
                loaded = session.copy(table, [file])
                inside = _count(session, table)
        except FatalError as error:
            return wrong(error.message, _REPORT)
        left = _count(session, table)
    seen = f"{file.key}: {loaded[file.key]} rows told, {inside} seen, {left} after ROLLBACK"
    if left:
        return wrong(seen, "COPY commits by itself here: a load that fails leaves rows. Do not load, and report it.")
    if loaded[file.key] != file.rows or inside != file.rows:
        return wrong(f"{seen}; {file.rows} are committed", "Do not load, and report it: rows were lost or doubled.")
    return Seen(seen)


def _history(account: Account) -> Seen:
    contract, file = _landed_file(account)
    session, columns = account.session(Role.LOADER), data_table(contract, account.schemas.raw).columns
    with (
        _table_of(account, columns) as kept,
        _table_of(account, columns) as dropped,
    ):
        with rolled_back(session):
            session.copy(dropped, [file])
        with session.transaction():
            session.copy(kept, [file])
        history = account.patience.history
        for further in range(history.further_tries + 1):
            if further:
                time.sleep(history.longest_wait)
            if told := _told(session, kept):
                break
        else:
            raise NotSeenError("it does not tell yet of what was just committed", advice="Try again in some minutes.")
        if _told(session, dropped):
            return wrong(
                "tells of a COPY that was rolled back",
                "`python -m orchestration.warehouse history` calls such a file foreign here: it is none.",
            )
    return Seen(f"{told} file of the committed COPY, none of the other")


def _texts(account: Account) -> Seen:
    rows = pa.table({"PLACE": pa.array(range(len(_TEXTS)), pa.int64()), "TEXT": pa.array(_TEXTS, pa.string())})
    columns = (TableColumn("PLACE", LandingType(Kind.INT64)), TableColumn("TEXT", TEXT))
    try:
        found = _copied(account, rows, columns)
    except FatalError as error:
        if isinstance(error, DamagedLakeError):
            raise
        return wrong(
            f"refused: {error.message}",
            "A stream whose texts may be empty cannot be loaded here: report it. Until then cast them at the source.",
        )
    texts = tuple(text for _, text in found)
    if texts != _TEXTS:
        return wrong(f"{texts!r}", "COPY alters texts here: do not load, and report it.")
    return Seen("they do")


def _times(account: Account) -> Seen:
    naive = _MOMENT.replace(tzinfo=None)
    rows = pa.table(
        {
            "PLACE": pa.array([0], pa.int64()),
            "INSTANT": pa.array([_MOMENT], pa.timestamp("us", "UTC")),
            "LOCAL": pa.array([naive], pa.timestamp("us")),
        }
    )
    columns = (
        TableColumn("PLACE", LandingType(Kind.INT64)),
        TableColumn("INSTANT", LandingType(Kind.TIMESTAMPTZ)),
        TableColumn("LOCAL", LandingType(Kind.TIMESTAMP)),
    )
    [(_, instant, local)] = _copied(account, rows, columns)
    if instant != _MOMENT or local != naive:
        return wrong(
            f"{instant} and {local} of {_MOMENT} and {naive}", "COPY alters times here: do not load, and report it."
        )
    return Seen("they are")


def _rounding(account: Account) -> Seen:
    value = Decimal("1.005")
    rows = pa.table({"PLACE": pa.array([0], pa.int64()), "AMOUNT": pa.array([value], pa.decimal128(10, 3))})
    columns = (TableColumn("PLACE", LandingType(Kind.INT64)), TableColumn("AMOUNT", LandingType(Kind.DECIMAL, 10, 2)))
    try:
        [(_, found)] = _copied(account, rows, columns)
    except FatalError as error:
        if isinstance(error, DamagedLakeError):
            raise
        return Seen("refused")
    return wrong(
        f"{value} became {found} in a NUMBER(10,2)",
        "COPY rounds here without a word. The loader's comparison of RAW's types with the contract is all that keeps "
        "values whole: let nobody alter the types of RAW's columns by hand.",
    )


def _landed_file(account: Account) -> tuple[StreamContract, DataFile]:
    """Return the smallest file of a stream's newest commits. Raises NotSeenError if nothing is landed."""
    for contract in account.contracts:
        log = CommitLog(account.store, contract.stream)
        head = log.head()
        if head is None:
            continue
        for version in range(head.version, max(head.version - _VERSIONS_LOOKED_AT, 0), -1):
            commit = log.required(version)
            files = [file for file in commit.files if file.rows] if commit.kind in APPENDED else []
            if files:
                return contract, min(files, key=lambda file: file.bytes)
    raise NotSeenError("nothing is landed yet", advice="`ingest run --all` lands the first files.")


def _copied(account: Account, rows: pa.Table, columns: Sequence[TableColumn]) -> list[tuple[Any, ...]]:
    """Return the rows as RAW would hold them, in the order of their first column. The load is rolled back."""
    session = account.session(Role.LOADER)
    names = ", ".join(SNOWFLAKE.quote(column.name) for column in columns)
    with (
        _probe_file(account, rows) as file,
        _table_of(account, columns) as table,
        rolled_back(session),
    ):
        session.copy(table, [file])
        return session.query(f"SELECT {names} FROM {SNOWFLAKE.table(table)} ORDER BY 1")  # noqa: S608


@contextmanager
def _probe_file(account: Account, rows: pa.Table) -> Iterator[DataFile]:
    """Yield a file of these rows at a place that no stream uses. It is deleted at the end, if the credentials may.

    Its name depends only on its content, so that at most one small file remains, however often this runs. It expires.
    """
    buffer = io.BytesIO()
    pq.write_table(rows, buffer, compression="zstd")
    body = buffer.getvalue()
    digest = hashlib.sha256(body).hexdigest()
    prefix = account.contracts[0].spec.prefix
    key = layout.data_key(prefix, layout.PROBES, at=_AT, version=0, part=0, sha256=digest)
    try:
        account.store.put(key, body)
    except AccessError as error:
        raise NotSeenError(
            "these AWS credentials may not put a file beside the data", advice="Run it with those of the lake's writer."
        ) from error
    try:
        yield DataFile(key=key, rows=rows.num_rows, bytes=len(body), sha256=digest)
    finally:
        _delete(account, key)


def _delete(account: Account, key: str) -> None:
    """Delete the file if the credentials may.

    The lake's writer may not: then the file stays until it expires, unread.
    """
    try:
        account.store.delete([key])
    except (AccessError, TransientError):
        account.left_behind.add(key)


def _table_of(account: Account, columns: Sequence[TableColumn]) -> AbstractContextManager[Table]:
    return account.scratch_table(Role.LOADER, account.schemas.raw, columns)


def _count(session: SnowflakeSession, table: Table) -> int:
    [(count,)] = session.query(f"SELECT count(*) FROM {SNOWFLAKE.table(table)}")  # noqa: S608
    return int(str(count))


def _told(session: SnowflakeSession, table: Table) -> int:
    """Return the number of files that COPY_HISTORY shows for a table."""
    name = literal(session.qualified(table))
    minutes = int(timedelta(hours=1).total_seconds() // 60)
    [(files,)] = session.query(
        "SELECT count(*) FROM TABLE(information_schema.copy_history("  # noqa: S608
        f"TABLE_NAME => {name}, START_TIME => dateadd('minute', -{minutes}, current_timestamp())))"
    )
    return int(str(files))
