"""The workflows: the jobs' names in the documents, actions pinned by commit, least permissions."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from ingest.settings import LakeSettings
from orchestration.settings import OrchestrationSettings
from orchestration.warehouse.snowflake.settings import SnowflakeSettings

REPOSITORY = Path(__file__).parents[1]
GITHUB = REPOSITORY / ".github"
WORKFLOW = GITHUB / "workflows" / "ci.yml"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))


@pytest.fixture(scope="module")
def workflow() -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load(WORKFLOW.read_text())
    return loaded


def test_names_are_the_documents(workflow: dict[Any, Any]) -> None:
    names = {job["name"] for job in workflow["jobs"].values()}

    assert workflow["name"] == "CI"
    assert {"python_lint (ruff)", "python_format_check (ruff format --check)"} <= names
    assert {"terraform_validate", "dbt_compile (offline)", "docker_build"} <= names


def test_runs_on_every_push_and_pull_request(workflow: dict[Any, Any]) -> None:
    events = workflow[True]  # YAML 1.1 reads the key `on` so

    assert events == {"push": None, "pull_request": None}


def test_may_only_read(workflow: dict[Any, Any]) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    assert not [name for name, job in workflow["jobs"].items() if "permissions" in job]


def test_actions_are_pinned_by_commit_with_their_version_beside() -> None:
    used = [line for path in _files() for line in path.read_text().splitlines() if "uses:" in line]
    foreign = [line for line in used if "uses: ./" not in line]

    assert foreign
    for line in foreign:
        assert re.search(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_no_job_runs_for_ever() -> None:
    jobs = [job for path in WORKFLOWS for job in yaml.safe_load(path.read_text())["jobs"].values()]

    assert len(jobs) > 1
    assert all(job["timeout-minutes"] <= 30 for job in jobs)


def test_every_workflow_may_only_read_and_takes_no_input_into_a_script() -> None:
    for path in WORKFLOWS:
        loaded = yaml.safe_load(path.read_text())
        assert loaded["permissions"] == {"contents": "read"}
        steps = [step for job in loaded["jobs"].values() for step in job["steps"]]
        assert not [
            step for step in steps if re.search(r"\$\{\{\s*(inputs|github\.event|secrets)", step.get("run", ""))
        ]


def test_only_the_jobs_of_the_account_and_of_pages_may_ask_for_more() -> None:
    more = {
        (path.name, name): job["permissions"]
        for path in WORKFLOWS
        for name, job in yaml.safe_load(path.read_text())["jobs"].items()
        if "permissions" in job
    }

    assert more == {
        ("snowflake.yml", "snowflake"): {"contents": "read", "id-token": "write"},
        ("docs.yml", "build"): {"contents": "read", "pages": "read"},
        ("docs.yml", "publish"): {"pages": "write", "id-token": "write"},
    }


def test_the_job_that_may_publish_runs_nothing_of_ours_and_publishes_main_alone() -> None:
    loaded = yaml.safe_load((GITHUB / "workflows" / "docs.yml").read_text())
    publish = loaded["jobs"]["publish"]

    assert loaded[True]["push"] == {"branches": ["main"]}
    assert "refs/heads/main" in publish["if"]
    assert publish["needs"] == "build"
    assert [step.get("uses", "").partition("@")[0] for step in publish["steps"]] == ["actions/deploy-pages"]
    assert "make test-docs" in [step.get("run") for step in loaded["jobs"]["build"]["steps"]]
    assert "test-docs" in (REPOSITORY / ".ci" / "run").read_text()


def test_every_image_of_compose_is_built_with_its_own_context_on_both_architectures(workflow: dict[Any, Any]) -> None:
    job = workflow["jobs"]["docker_build"]
    matrix = job["strategy"]["matrix"]
    [build] = [step["with"] for step in job["steps"] if "build-push-action" in step.get("uses", "")]
    dockerfiles = {(REPOSITORY / build["context"] / entry["dockerfile"]).resolve() for entry in matrix["include"]}

    assert {entry["image"] for entry in matrix["include"]} == set(matrix["image"])
    assert dockerfiles == {(REPOSITORY / place["context"] / place["dockerfile"]).resolve() for place in _builds()}
    assert matrix["runner"] == ["ubuntu-24.04", "ubuntu-24.04-arm"]
    assert any("hadolint" in step.get("run", "") for step in job["steps"])


def test_the_end_to_end_tests_keep_their_pictures_and_logs_however_they_end(workflow: dict[Any, Any]) -> None:
    steps = workflow["jobs"]["compose_e2e"]["steps"]
    ignored = (REPOSITORY / ".gitignore").read_text().split()
    [kept] = [step for step in steps if "upload-artifact" in step.get("uses", "")]

    assert "make e2e" in [step.get("run") for step in steps]
    assert "make e2e" in (REPOSITORY / ".ci" / "run").read_text()
    [step] = [step for step in workflow["jobs"]["tests"]["steps"] if step.get("run") == ".ci/run"]
    assert step["env"] == {"WITHOUT_CONTAINERS": "1"}, "they run once"
    assert kept["if"] == "always()"
    assert kept["with"]["include-hidden-files"] is True
    assert {f"{path}/" for path in kept["with"]["path"].split()} == {path for path in ignored if "tests/e2e/" in path}


def test_linters_of_workflows_must_be_there_in_ci(workflow: dict[Any, Any]) -> None:
    runs = " ".join(step.get("run", "") for step in workflow["jobs"]["workflow_lint"]["steps"])

    assert "REQUIRE=1 .ci/lint_files" in runs
    assert ".ci/lint_files" in (REPOSITORY / "Makefile").read_text()


def _builds() -> list[dict[str, str]]:
    services = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"]
    return [service["build"] for service in services.values() if "build" in service]


@pytest.fixture(scope="module")
def account() -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load((GITHUB / "workflows" / "snowflake.yml").read_text())
    return loaded


def test_the_account_is_only_touched_by_hand_and_by_one_run_at_a_time(account: dict[Any, Any]) -> None:
    assert list(account[True]) == ["workflow_dispatch"]
    assert account["concurrency"] == {"group": "${{ github.workflow }}"}


def test_the_account_s_secrets_reach_the_tests_alone_and_come_from_a_protected_environment(
    account: dict[Any, Any],
) -> None:
    job = account["jobs"]["snowflake"]
    holders = [step for step in job["steps"] if "secrets." in str(step.get("env", ""))]

    assert job["environment"] == "snowflake"
    assert "env" not in account
    assert "secrets." not in str(job.get("env", ""))
    assert [step["name"] for step in holders] == ["Look at the account", "Test"]
    assert not [step for step in holders if "SNOWFLAKE_PASSWORD" in step["env"]]
    assert "orchestration.warehouse doctor" in holders[0]["run"]
    assert "tests/snowflake" in holders[1]["run"]


def test_the_account_s_settings_are_ones_that_the_program_or_the_tests_read(account: dict[Any, Any]) -> None:
    steps = {step.get("name"): step for step in account["jobs"]["snowflake"]["steps"]}
    step, doctor = steps["Test"], steps["Look at the account"]
    known = {
        str(field.validation_alias)
        for settings in (SnowflakeSettings, OrchestrationSettings)
        for field in settings.model_fields.values()
    }

    support = "".join(
        (REPOSITORY / "tests" / "snowflake" / name).read_text() for name in ("account.py", "lake_bucket.py")
    )

    known |= {str(field.validation_alias) for field in LakeSettings.model_fields.values()}
    assert set(doctor["env"]) - known == {"GENERATION"}
    unknown = set(step["env"]) - known - {"TESTS"}
    assert {"SNOWFLAKE_TEST_BUCKET", "SNOWFLAKE_TEST_ROLE"} <= unknown
    assert all(f'"{name}"' in support for name in unknown)


def _files() -> Iterator[Path]:
    yield from GITHUB.rglob("*.yml")


FORMS = sorted((GITHUB / "ISSUE_TEMPLATE").glob("[!c]*.yml"))


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_an_issue_s_form_is_one_that_github_takes(form: Path) -> None:
    """https://docs.github.com/en/communities (Syntax for GitHub's form schema)."""
    loaded = yaml.safe_load(form.read_text())
    asked = [field for field in loaded["body"] if field["type"] != "markdown"]

    assert loaded.keys() == {"name", "description", "labels", "body"}
    assert {field["type"] for field in asked} <= {"input", "textarea", "dropdown", "checkboxes"}
    assert len({field["id"] for field in asked}) == len({field["attributes"]["label"] for field in asked}) == len(asked)
    for field in asked:
        options = field["attributes"].get("options")
        assert (options is not None) == (field["type"] == "dropdown")
        assert all(isinstance(option, str) for option in options or ())
    assert any(field.get("validations") == {"required": True} for field in asked)


def test_every_path_has_an_owner_and_those_that_are_named_exist() -> None:
    lines = [line for line in (GITHUB / "CODEOWNERS").read_text().splitlines() if line and not line.startswith("#")]
    patterns = [line.split()[0] for line in lines]

    assert patterns[0] == "*"
    assert all(re.fullmatch(r"\S+( +@[\w-]+(/[\w-]+)?)+", line) for line in lines)
    assert all((REPOSITORY / pattern.strip("/")).exists() for pattern in patterns[1:])


def test_the_devcontainer_has_a_python_of_the_project_and_runs_the_demo() -> None:
    container = json.loads((REPOSITORY / ".devcontainer" / "devcontainer.json").read_text())
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    version, _, release = container["image"].removeprefix("python:").partition("-")

    assert SpecifierSet(project["requires-python"]).contains(version)
    assert release == "bookworm"
    assert [container["onCreateCommand"], container["postCreateCommand"]] == ["make install", "make demo"]


def test_the_pythons_that_ci_tests_are_those_of_the_project() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    supported = SpecifierSet(project["requires-python"])
    job = yaml.safe_load((REPOSITORY / ".github" / "workflows" / "ci.yml").read_text())["jobs"]["newer_pythons"]
    action = yaml.safe_load((REPOSITORY / ".github" / "actions" / "environment" / "action.yml").read_text())

    tested = {action["inputs"]["python-version"]["default"], *job["strategy"]["matrix"]["python"]}
    assert tested == {f"3.{minor}" for minor in range(30) if supported.contains(f"3.{minor}")}
