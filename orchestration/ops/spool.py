"""Records that the lake could not take, kept in RUNS_DIR. The next run on this host puts them into the outbox."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from ingest.logs import get_logger
from orchestration.ops.outbox import Outbox
from orchestration.warehouse.ops.rows import RunRecord

_SUFFIX = ".record.json"


class Spool:
    """A folder with one file for each record. Only its user may read it, like the runs' folders beside it."""

    def __init__(self, runs_dir: Path) -> None:
        self._runs_dir = runs_dir

    def keep(self, record: RunRecord) -> None:
        """Write the record, over an older one of the same run. Raises OSError."""
        self._runs_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._runs_dir / f"{record.run.run_id}{_SUFFIX}"
        draft = path.with_suffix(f".{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(record.model_dump_json(), encoding="utf-8")
        draft.replace(path)

    def flush(self, outbox: Outbox) -> None:
        """Put all records into the outbox, and remove their files. A file that cannot be read is logged and left.

        Raises the outbox's errors.
        """
        for path in sorted(self._runs_dir.glob(f"*{_SUFFIX}")):
            try:
                record = RunRecord.model_validate_json(path.read_text(encoding="utf-8"))
            except (OSError, UnicodeDecodeError, ValidationError) as error:
                get_logger().warning("the record of a run cannot be read", path=str(path), error=str(error))
                continue
            outbox.put(record)
            path.unlink(missing_ok=True)
