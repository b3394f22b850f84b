"""Parses the project as a run with these settings would, so that an image's first run need not.

python -m orchestration.dbt.parse

Later, dbt parses the changed files again, or all files if its settings differ.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from ingest.errors import PlatformError
from orchestration.dbt.project import dbt_project
from orchestration.dbt.runner import PARSED, DbtRunner
from orchestration.runs import RunFolder
from orchestration.settings import OrchestrationSettings
from orchestration.warehouse.connect import open_warehouse


def parse(settings: OrchestrationSettings) -> Path:
    """Parse the project, and keep the result within it. Return its path. Raises DbtFailure and ConfigurationError."""
    parsed = settings.dbt_project_dir / PARSED
    parsed.parent.mkdir(exist_ok=True)
    with TemporaryDirectory() as scratch:
        folder = RunFolder(Path(scratch) / "parse", parsed)
        project = dbt_project(settings, open_warehouse(settings, run_id=folder.path.name), folder)
        DbtRunner(project, folder.path).parse()
    parsed.chmod(0o644)
    return parsed


def main() -> int:
    """Run the command. Return its exit code."""
    try:
        print(parse(OrchestrationSettings.load()))
    except PlatformError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
