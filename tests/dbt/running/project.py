"""dbt in a process of its own, as the flow runs it: in ours it would keep DuckDB's file lock."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.dbt.running.parsed import BUSINESS_NOW, PARSED, PROJECT, hand_on
from tests.dbt.running.warm import Invocation, warm_dbt

REPOSITORY = Path(__file__).resolve().parents[3]
CI_PROFILES = REPOSITORY / ".github" / "ci_profiles"

_OWN_VARIABLES = ("SNOWFLAKE_", "DBT_", "DUCKDB_PATH", "EMAIL_SALT", "ENVIRONMENT", "BUSINESS_NOW")


def mart_names() -> set[str]:
    """Return the names of the project's marts, which are those of their files."""
    names = {path.stem for path in (PROJECT / "models" / "marts").rglob("*.sql")}
    assert names
    return names


@dataclass(frozen=True)
class DbtResult:
    """The result of an invocation."""

    code: int
    output: str
    target: Path

    def statuses(self) -> dict[str, str]:
        """Status by the names of the nodes that ran."""
        document = json.loads((self.target / "run_results.json").read_text())
        return {_name(item["unique_id"]): item["status"] for item in document["results"]}

    def manifest(self) -> dict[str, Any]:
        """Return the manifest that the invocation left."""
        document: dict[str, Any] = json.loads((self.target / "manifest.json").read_text())
        return document


@dataclass(frozen=True)
class Dbt:
    """The project, against one database. `work` keeps its parsed state between invocations.

    The parsing of our own project is passed on to each `work`, also to a copy's: dbt parses only differing files again.
    `manifest` says whether results have a manifest, and dbt's log.
    """

    work: Path
    project: Path = PROJECT
    profiles: Path = PROJECT
    variables: Mapping[str, str] = field(default_factory=dict)
    business_now: str = BUSINESS_NOW
    manifest: bool = False

    def run(self, command: str, *arguments: str, **variables: str) -> DbtResult:
        """Run a dbt command with these environment variables, whether it succeeds or not."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OWN_VARIABLES)}
        own = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_TARGET_PATH": str(self.work / "target")}
        own |= {"BUSINESS_NOW": self.business_now, "ENVIRONMENT": "dev"}
        own |= {} if self.manifest else {"DBT_LOG_LEVEL_FILE": "none"}
        paths = ("--project-dir", str(self.project), "--profiles-dir", str(self.profiles))
        environment = {**inherited, **own, "DBT_LOG_PATH": str(self.work / "logs"), **self.variables, **variables}
        output = self.work / "dbt.out"
        dbt = warm_dbt(environment.get("DBT_TARGET", "duckdb"))
        if self.profiles == PROJECT:
            environment.setdefault("DBT_TARGET", "duckdb")  # as it was parsed: dbt compares what it was told
            parsed = self.work / "target" / PARSED
            if not parsed.exists():
                hand_on(dbt.folder / PARSED, parsed, environment)
        arguments = ("--no-use-colors", *command.split(), *paths, *arguments)
        code = dbt.run(Invocation(arguments, str(self.work), environment, str(output), self.manifest))
        return DbtResult(code, output.read_text(), self.work / "target")

    def succeed(self, command: str, *arguments: str, **variables: str) -> DbtResult:
        """Run a dbt command; fail the test with its output unless it succeeds."""
        result = self.run(command, *arguments, **variables)
        assert result.code == 0, result.output
        return result


def _name(unique_id: str) -> str:
    """Return a node's name from its id: `type.project.name.hash`, for unit tests `type.project.model.name`."""
    kind, _, *names = unique_id.split(".")
    return names[-1] if kind == "unit_test" else names[0]
