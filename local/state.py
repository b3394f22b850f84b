"""The state of a demo or a stack under .local/: warehouse, logs, Prefect's own database."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalStackError
from orchestration.runs import PARSED, TEMPLATES


@dataclass(frozen=True)
class State:
    """The directories of one kind of use of the stack, `demo` or `stack`."""

    root: Path

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def prefect(self) -> Path:
        return self.root / "prefect"

    @property
    def prefect_made(self) -> Path:
        """A file that exists once Prefect's database has all its tables.

        A database that a killed run left unfinished is deleted.
        """
        return self.root / "prefect.made"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that keep the flow and dbt within these directories, without telemetry."""
        return {
            "WAREHOUSE": "duckdb",
            "WAREHOUSE_DIR": str(self.warehouse),
            "RUNS_DIR": str(self.runs),
            "PREFECT_HOME": str(self.prefect),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }


@contextmanager
def open_state(root: Path) -> Iterator[State]:
    """Yield the state under `root`, emptied except for Prefect's database, dbt's parsing and its compiled templates.

    They take seconds to make.

    The lake lives in memory and is gone with its stack, so an older warehouse would contain commits that no longer
    exist. Raises LocalStackError if another process uses `root`.
    """
    root.mkdir(parents=True, exist_ok=True)
    lock = os.open(root / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalStackError(f"{root} is in use by another run. Wait for its end, or stop it.") from None
        state = State(root)
        _empty(state)
        yield state
    finally:
        os.close(lock)


def _empty(state: State) -> None:
    stale = [state.warehouse, *_runs(state), state.logs]
    if not state.prefect_made.exists():
        stale.append(state.prefect)
    for path in stale:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for directory in (state.warehouse, state.runs, state.logs, state.prefect):
        directory.mkdir(exist_ok=True)


def _runs(state: State) -> list[Path]:
    """Return the folders that former runs have left."""
    found = state.runs.iterdir() if state.runs.exists() else ()
    return [path for path in found if path.name not in (PARSED, TEMPLATES)]
