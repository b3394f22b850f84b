"""The modules of ours that a Dockerfile names are there."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
DOCKERFILES = sorted(path for path in REPOSITORY.glob("**/*Dockerfile*") if ".venv" not in str(path))
OURS = re.compile(r"\b(?:ingest|orchestration|mock_saas)(?:\.\w+)+")


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_the_modules_that_an_image_imports_are_there(path: Path) -> None:
    named = {name for line in path.read_text().splitlines() if "import " in line for name in OURS.findall(line)}

    assert [name for name in sorted(named) if find_spec(name) is None] == []


def test_images_are_tried_by_what_they_import() -> None:
    assert [path.name for path in DOCKERFILES if "import ingest." in path.read_text()] == ["Dockerfile.ingest"]
