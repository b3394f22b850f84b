"""Runs terraform in a copy of the configuration, so that nothing it writes lies in the repository."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
HERE = Path(__file__).parent
_SECONDS = 600
_NO_PROVIDER = ("Failed to query available provider packages", "Failed to install provider", "could not connect to")


class NoProviderError(Exception):
    """A provider is not available here. The message names it, and the reason."""


@dataclass(frozen=True)
class Terraform:
    """The program `binary`, run in folders of `root`, which is laid out as the repository is."""

    binary: str
    root: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def in_copy(cls, binary: str, root: Path, plugin_cache: Path) -> Terraform:
        """Copy the configuration and the contracts that it reads into `root`."""
        skipped = shutil.ignore_patterns(".terraform", "*.tfstate*", ".terraform.lock.hcl")
        shutil.copytree(REPOSITORY / "terraform", root / "terraform", ignore=skipped)
        shutil.copytree(HERE / "emulated", root / "emulated", ignore=skipped)
        (root / "ingest").mkdir()
        shutil.copytree(REPOSITORY / "ingest" / "contracts", root / "ingest" / "contracts")
        environment = {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", "TF_REGISTRY_CLIENT_TIMEOUT": "20"}
        if not {"TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_DIR"} & os.environ.keys():
            plugin_cache.mkdir(exist_ok=True)
            # There is no lock file that a cached package could be compared with.
            environment |= {
                "TF_PLUGIN_CACHE_DIR": str(plugin_cache),
                "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "1",
            }
        return cls(binary, root, environment)

    def with_environment(self, additions: Mapping[str, str]) -> Terraform:
        """Return a copy with more environment variables."""
        return Terraform(self.binary, self.root, {**self.environment, **additions})

    def run(self, folder: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command in `folder`, such as terraform/modules/raw_lake, whatever its exit code."""
        return subprocess.run(
            [self.binary, *arguments, "-no-color"],
            cwd=self.root / folder,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )

    def succeed(self, folder: str, *arguments: str) -> str:
        """Run a command that must succeed. Return its output."""
        done = self.run(folder, *arguments)
        assert done.returncode == 0, f"terraform {' '.join(arguments)} in {folder}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def dependencies(self, folder: str) -> dict[str, set[str]]:
        """Return the resources that each resource of an initialised root directly waits for.

        The folder must hold its state.
        """
        override = self.root / folder / "backend_override.tf"
        override.write_text('terraform {\n  backend "local" {}\n}\n')
        try:
            self.init(folder)
            edges = re.findall(r'^\s*"([^"]+)" -> "([^"]+)";', self.succeed(folder, "graph"), re.MULTILINE)
        finally:
            override.unlink()
            self.init(folder, "-backend=false", "-reconfigure")
        found: dict[str, set[str]] = {}
        for one, other in edges:
            found.setdefault(one, set()).add(other)
        return found

    def init(self, folder: str, *arguments: str) -> None:
        """Install the providers of `folder`. Raises NoProviderError if one is not available."""
        done = self.run(folder, "init", *arguments)
        if done.returncode != 0:
            said = " ".join(done.stderr.replace("│", " ").split())
            if any(sign in said for sign in _NO_PROVIDER):
                raise NoProviderError(said[:300])
            raise AssertionError(f"terraform init in {folder}:\n{done.stdout}\n{done.stderr}")

    def outputs(self, folder: str) -> dict[str, Any]:
        """Return the outputs' values by name."""
        shown = json.loads(self.succeed(folder, "output", "-json"))
        return {name: output["value"] for name, output in shown.items()}
