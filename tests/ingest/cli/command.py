"""The command line, and its output."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import traceback
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from ingest.cli.app import main
from ingest.contracts.registry import SUFFIX
from ingest.settings import LakeSettings


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    exit_code: int
    out: str
    err: str

    @property
    def logs(self) -> list[dict[str, Any]]:
        """The JSON lines on standard error."""
        return [json.loads(line) for line in self.err.splitlines() if line.startswith("{")]

    @property
    def messages(self) -> list[str]:
        """The other lines on standard error, which are for people."""
        return [line for line in self.err.splitlines() if line.strip() and not line.startswith("{")]


@dataclass(frozen=True)
class CommandLine:
    """A runner of ingest in `folder` with a test's settings. `contracts` is its CONTRACTS_DIR."""

    folder: Path
    environment: dict[str, str]

    @classmethod
    def beside(cls, folder: Path, lake: LakeSettings, dsn: str) -> CommandLine:
        """Return a command line with an empty folder of contracts."""
        contracts = folder / "contracts"
        contracts.mkdir()
        own = {
            "RAW_BUCKET": lake.bucket,
            "AWS_ENDPOINT_URL": lake.endpoint_url or "",
            "AWS_MAX_ATTEMPTS": "1",
            "POSTGRES_DSN": dsn,
            "CONTRACTS_DIR": str(contracts),
            "HORIZON_MARGIN_SECONDS": "0",
            "WAIT_BUDGET_SECONDS": "0",
        }
        return cls(folder, {**os.environ, **own})

    @property
    def contracts(self) -> Path:
        return self.folder / "contracts"

    def write_contract(self, stream: str, text: str) -> Path:
        path = self.contracts / f"{stream}{SUFFIX}"
        path.write_text(text, encoding="utf-8")
        return path

    def run(self, *arguments: str, **settings: str) -> Finished:
        """Run `ingest <arguments>` with further environment variables, inside this process, because that is much
        faster.
        """
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            environment = {**self.environment, **settings}
            for name in os.environ.keys() - environment.keys():
                patch.delenv(name)
            for name, value in environment.items():
                patch.setenv(name, value)
            patch.chdir(self.folder)
            patch.setattr(sys, "argv", ["ingest", *arguments])
            exit_code = _run_main()
        return Finished(exit_code, out.getvalue(), err.getvalue())

    def spawn(self, *arguments: str, **settings: str) -> Finished:
        """Run `ingest <arguments>` in a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "ingest", *arguments],
            cwd=self.folder,
            env={**self.environment, **settings},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return Finished(done.returncode, done.stdout, done.stderr)


def _run_main() -> int:
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:
        traceback.print_exc()  # as the interpreter would
        return 1
    finally:
        structlog.reset_defaults()
    return 0
