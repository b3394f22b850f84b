"""The supply chain: dependencies are pinned, audited and listed. No test makes a request to a registry."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[1]
DOCKERFILES = [*REPOSITORY.glob("Dockerfile.*"), *REPOSITORY.glob("*/Dockerfile")]
DIGEST = "sha256:" + "0123456789abcdef" * 4


def executable(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The Dockerfiles alone, and a registry with a digest for each tag."""
    for dockerfile in DOCKERFILES:
        copy = tmp_path / "tree" / dockerfile.relative_to(REPOSITORY)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(dockerfile, copy)
    (tmp_path / "bin").mkdir()
    executable(tmp_path / "bin" / "docker", f"echo {DIGEST}")
    return tmp_path / "tree"


def pin(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = f"{tree.parent / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(
        [str(REPOSITORY / ".ci" / "pin_images"), *arguments],
        env={**os.environ, "PATH": path, "ROOT": str(tree)},
        capture_output=True,
        text=True,
        check=False,
    )


def base_images(tree: Path) -> set[str]:
    files = [*tree.glob("Dockerfile.*"), *tree.glob("*/Dockerfile")]
    return {image for path in files for image in re.findall(r"^ARG \w+_IMAGE=(\S+)$", path.read_text(), re.MULTILINE)}


def test_base_images_are_pinned_by_the_digest_of_their_tag_in_every_dockerfile(tree: Path) -> None:
    tags = {image.partition("@")[0] for image in base_images(tree)}
    assert tags

    assert pin(tree, "--check").returncode == 1
    assert pin(tree).returncode == 0
    assert base_images(tree) == {f"{tag}@{DIGEST}" for tag in tags}
    assert [path.name for path in tree.rglob("*.before")] == []

    assert pin(tree, "--check").returncode == 0
    executable(tree.parent / "bin" / "docker", f"echo {DIGEST[:-1]}0")
    assert pin(tree, "--check").returncode == 1
    assert base_images(tree) == {f"{tag}@{DIGEST}" for tag in tags}


@pytest.mark.parametrize("registry", ["exit 1", "echo", "echo 'name|with s/e/d'"])
def test_no_dockerfile_is_changed_where_the_registry_does_not_answer(tree: Path, registry: str) -> None:
    before = base_images(tree)
    executable(tree.parent / "bin" / "docker", registry)

    assert pin(tree).returncode == 1
    assert base_images(tree) == before


def test_every_stage_of_an_image_begins_with_a_base_image_that_can_be_pinned() -> None:
    for path in DOCKERFILES:
        text = path.read_text()
        stages = set(re.findall(r"^FROM \S+ AS (\w+)$", text, re.MULTILINE))
        for base in re.findall(r"^FROM (\S+)", text, re.MULTILINE):
            assert base in stages or re.fullmatch(r"\$\{[A-Z]+_IMAGE\}", base), path


def audit(tmp_path: Path, known: str) -> subprocess.CompletedProcess[str]:
    """Run the audit with tools that find `known` in the lock of that name, and record the requests."""
    tools = tmp_path / "tools"
    tools.mkdir()
    executable(tools / "pip-audit", f'echo "pip-audit $*" >>{tmp_path}/asked; case "$*" in *{known}*) exit 1;; esac')
    executable(tools / "cyclonedx-py", f'echo "cyclonedx $*" >>{tmp_path}/asked')
    return subprocess.run(
        [str(REPOSITORY / ".ci" / "audit"), str(tmp_path / "reports")],
        env={**os.environ, "AUDIT_BIN": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_lock_is_audited_and_every_image_has_a_bill_of_materials(tmp_path: Path) -> None:
    done = audit(tmp_path, "nothing-at-all")
    asked = (tmp_path / "asked").read_text()

    assert done.returncode == 0, done.stderr
    for lock in REPOSITORY.glob("requirements/*.txt"):
        assert f"requirements/{lock.name}\n" in asked
    of_images = {
        "ingest": "worker",
        "prefect": "prefect",
        "mock_saas": "mock_saas",
        "lake": "lake",
        "postgres": "postgres",
    }
    for image, lock_name in of_images.items():
        assert re.search(rf"cyclonedx requirements requirements/{lock_name}\.txt .*{image}\.cdx\.json", asked)


def test_a_lock_with_a_known_vulnerability_is_named(tmp_path: Path) -> None:
    done = audit(tmp_path, "requirements/prefect.txt")

    assert done.returncode == 1
    assert "requirements/prefect.txt: see" in done.stdout
    assert "1 locks with something to look at" in done.stdout


def test_what_reports_on_others_does_not_stop_a_change() -> None:
    jobs = yaml.safe_load((REPOSITORY / ".github/workflows/ci.yml").read_text())["jobs"]

    assert {name for name, job in jobs.items() if job.get("continue-on-error")} == {"audit", "image_pins"}
    assert "make audit" in str(jobs["audit"]["steps"])
    assert ".ci/pin_images --check" in str(jobs["image_pins"]["steps"])
    assert "make fuzz-api" in str(jobs["provider_fuzz"]["steps"])


def test_updates_are_proposed_for_all_that_we_are_built_of() -> None:
    updates = yaml.safe_load((REPOSITORY / ".github/dependabot.yml").read_text())["updates"]
    folders = {update["package-ecosystem"]: set(update["directories"]) for update in updates}

    assert set(folders) == {"pip", "docker", "github-actions", "terraform"}
    assert folders["docker"] == {f"/{path.parent.relative_to(REPOSITORY)}".replace("/.", "/") for path in DOCKERFILES}


def test_the_release_of_prefect_is_the_one_whose_advisories_are_listed() -> None:
    text = (REPOSITORY / "docs" / "SECURITY.md").read_text(encoding="utf-8")
    [locked] = re.findall(r"^prefect==(\S+)", (REPOSITORY / "requirements" / "prefect.txt").read_text(), re.MULTILINE)

    section = text.partition(f"## Prefect {locked}\n")[2].partition("\n## ")[0]
    assert {"CVE-2024-8183", "CVE-2026-5366", "CVE-2026-7723"} <= set(re.findall(r"CVE-\d{4}-\d+", section))
