"""One folder for each run: dbt's compiled SQL, its results and its log.

Only its user may read it, since SQL holds the salt.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import ConfigurationError

PARSED = "partial_parse.msgpack"
"""What dbt has parsed, beside the runs' folders. dbt parses anew what has changed since."""
TEMPLATES = "compiled_templates"
"""What Jinja has compiled for dbt, beside it."""


@dataclass(frozen=True)
class RunFolder:
    """The folders of a run: `path` is its own, `partial_parse` and `templates` are shared by all runs."""

    path: Path
    partial_parse: Path

    @property
    def templates(self) -> Path:
        """Where Jinja's compiled templates are kept."""
        return self.partial_parse.with_name(TEMPLATES)


def make_run_folder(runs_dir: Path, run_id: str, *, keep: int) -> RunFolder:
    """Make a run's folder, and remove all but the newest `keep` folders. Raises ConfigurationError."""
    path = runs_dir / run_id
    try:
        runs_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        for old in _folders(runs_dir)[:-keep]:
            shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror}", hint="Correct RUNS_DIR.") from error
    return RunFolder(path, runs_dir / PARSED)


def _folders(runs_dir: Path) -> list[Path]:
    """Return the runs' folders, oldest first."""
    return sorted((path for path in runs_dir.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime_ns)
