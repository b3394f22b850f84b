"""The committed files, and the imports between packages."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
LOCK = ".terraform.lock.hcl"


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    """The paths of all files that Git tracks."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip(f"Git does not say what is tracked: {listed.stderr.strip()}")
    return listed.stdout.rstrip("\0").split("\0")


def of_other_builds(lock: str) -> list[str]:
    """Return the providers of a lock file without a hash of the registry. A mirror's build has only `h1:` hashes."""
    blocks = re.findall(r'^provider "([^"]+)" \{\n(.*?)^\}', lock, re.DOTALL | re.MULTILINE)
    return [name for name, body in blocks if '"zh:' not in body]


def test_no_lock_file_is_tracked_that_does_not_come_from_the_registry(tracked: list[str]) -> None:
    locks = [path for path in tracked if Path(path).name == LOCK]

    assert [path for path in locks if path.startswith("terraform/modules/")] == [], "a module has no lock file"
    for path in locks:
        assert of_other_builds((REPOSITORY / path).read_text(encoding="utf-8")) == [], path


def test_a_lock_file_of_another_build_is_told_from_the_registry_s() -> None:
    block = 'provider "registry.terraform.io/hashicorp/aws" {\n  version = "5.100.0"\n  hashes = [\n%s  ]\n}\n'

    assert of_other_builds(block % '    "h1:edXO=",\n') == ["registry.terraform.io/hashicorp/aws"]
    assert of_other_builds(block % '    "h1:edXO=",\n    "zh:0123abcd",\n') == []


@pytest.mark.parametrize(
    "folder", ["terraform", "terraform/bootstrap", "terraform/modules/raw_lake", "terraform/modules/warehouse"]
)
def test_a_lock_file_that_init_writes_is_ignored(tracked: list[str], folder: str) -> None:
    asked = subprocess.run(["git", "check-ignore", "--no-index", f"{folder}/{LOCK}"], cwd=REPOSITORY, check=False)

    assert asked.returncode == 0


def imported_by(path: Path) -> Iterator[str]:
    """Yield the modules that a Python file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def test_the_embedded_stack_is_imported_by_the_bench_and_the_tests_alone() -> None:
    local = REPOSITORY / "local"
    folders = ("common", "ingest", "orchestration", "mock_saas", "postgres", "lake", "bench")
    importers = {
        path.relative_to(REPOSITORY).parts[0]
        for folder in folders
        for path in (REPOSITORY / folder).rglob("*.py")
        if not path.is_relative_to(local) and any(name.split(".")[0] == "local" for name in imported_by(path))
    }

    assert importers == {"bench"}
