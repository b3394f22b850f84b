"""Imports the records in the outbox into the warehouse, and shows them to readers. It needs the writer's lock."""

from __future__ import annotations

from datetime import timedelta

from orchestration.ops.outbox import Outbox
from orchestration.warehouse.ops.rows import RunRecord
from orchestration.warehouse.ops.tables import READERS_VIEWS, ensure_ops_tables, import_records, ops_tables
from orchestration.warehouse.protocol import Purpose, Rows, Warehouse


def take_in(
    outbox: Outbox,
    warehouse: Warehouse,
    mart: str,
    *,
    keep: timedelta,
    known: RunRecord | None = None,
    has_tables: bool = False,
) -> int:
    """Import all waiting records, including `known`, which was just put. Return the number of runs.

    A document is removed once its rows are committed and readers have them. Raises the warehouse's errors.
    """
    waiting = outbox.waiting(known)
    if not waiting:
        return 0
    with warehouse.connect(Purpose.PUBLISH) as session:
        if not has_tables:
            ensure_ops_tables(session, mart)
        import_records(session, mart, waiting, keep=keep)
    tables = frozenset(table.name for table in ops_tables(mart))
    run_ids = tuple(record.run.run_id for record in waiting)
    warehouse.show_rows(Rows(tables, READERS_VIEWS, column="run_id", values=run_ids))
    outbox.remove(waiting)
    return len(waiting)
