"""Visits to Prefect's UI, each by a browser in its own Python environment."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

from tests.e2e.stack import HERE, REPOSITORY

PYTHON = REPOSITORY / ".venv-browser" / "bin" / "python"
PICTURES = HERE / ".screenshots"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SECONDS = 900


def browser_problem() -> str | None:
    """Return why the UI cannot be opened here; None if it can."""
    if not PYTHON.exists():
        return "the browser's driver is not installed: `make e2e` installs it"
    if not os.environ.get("CHROMIUM") and not any(map(shutil.which, BROWSERS)):
        return "there is no Chromium on PATH (Debian: apt install chromium), and CHROMIUM names none"
    return None


@dataclass(frozen=True)
class Ui:
    """The UI at `url`. Each visit saves its pictures in a folder of PICTURES."""

    url: str

    def visit(self, kind: str, *arguments: str, pictures: str) -> dict[str, Any]:
        """Make a visit (see `browser.py`), and return its report. Raises AssertionError if something is missing."""
        folder = PICTURES / pictures
        shutil.rmtree(folder, ignore_errors=True)
        command = [str(PYTHON), "-m", "tests.e2e.browser", kind, self.url, str(folder), *arguments]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=_SECONDS, check=False)
        assert done.returncode == 0, f"{done.stderr}\npictures: {folder}"
        facts: dict[str, Any] = json.loads(done.stdout)
        return facts

    def see(self, path: str, words: str, *, pictures: str) -> str:
        """Return the text of one page, as soon as it shows these words."""
        return str(self.visit("page", path, words, pictures=pictures)["text"])
