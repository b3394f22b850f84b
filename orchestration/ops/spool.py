"""Records that the lake did not take, in RUNS_DIR: whoever runs there next puts them into the outbox."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from ingest.logs import get_logger
from orchestration.ops.outbox import Outbox
from orchestration.warehouse.ops.rows import RunRecord

_SUFFIX = ".record.json"


class Spool:
    """One file for each record, private to its user as the runs' folders beside it are."""

    def __init__(self, runs_dir: Path) -> None:
        self._runs_dir = runs_dir

    def keep(self, record: RunRecord) -> None:
        """Write the record, over an older one of its run. Raises OSError."""
        self._runs_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._runs_dir / f"{record.run.run_id}{_SUFFIX}"
        draft = path.with_suffix(f".{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(record.model_dump_json(), encoding="utf-8")
        draft.replace(path)

    def flush(self, outbox: Outbox) -> None:
        """Put all of them into the outbox, and remove them. One that cannot be read is logged, and left.

        Raises what the outbox raises.
        """
        for path in sorted(self._runs_dir.glob(f"*{_SUFFIX}")):
            try:
                record = RunRecord.model_validate_json(path.read_text(encoding="utf-8"))
            except (OSError, UnicodeDecodeError, ValidationError) as error:
                get_logger().warning("the record of a run cannot be read", path=str(path), error=str(error))
                continue
            outbox.put(record)
            path.unlink(missing_ok=True)
