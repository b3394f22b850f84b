"""A dbt process that prepares for its command before that is known.

`python -P waiting.py ADAPTER TEMPLATES KEPT [ARGUMENT...]` imports dbt and its adapter. With arguments, those of
`dbt parse`, it also parses the project. Then it reads one line of JSON, the arguments of dbt's command and its
environment, and runs that command on the parsed project. If its input ends before that, for example because its parent
was killed, it ends too.

TEMPLATES is the file with compiled templates, KEPT the one with what dbt has parsed. The program is run by its path and
imports no module of ours, because dbt's folder is its working directory.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Self, TextIO

_PROFILES = "profiles.yml"
_PARTIAL_PARSE = "partial_parse.msgpack"
_WRITTEN_BY_DBT = frozenset({"target", "logs"})

FileState = tuple[str, int, int]
"""A file's path, the nanosecond of its last change, and its size."""


def wait(orders: TextIO) -> bool:
    """Wait for the line, and take over its arguments and environment. Return False if there is none."""
    line = orders.readline()
    if not line.endswith("\n"):
        return False
    order = json.loads(line)
    sys.argv = ["dbt", *order["arguments"]]
    os.environ.clear()
    os.environ.update(order["environment"])
    return True


def order(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return the line that `wait` reads."""
    return json.dumps({"arguments": [*arguments], "environment": {**environment}}) + "\n"


def command(adapter: str, templates: Path, kept: Path, parse: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the command line of this program. `parse` are the arguments of `dbt parse`, which must print nothing."""
    return (sys.executable, "-P", __file__, adapter, str(templates), str(kept), *parse)


@dataclass(frozen=True)
class ParsedProject:
    """A project that this process has parsed.

    `manifest` is dbt's. `project` and `profiles` are its folders, and `files` the state of their files before they were
    parsed. `variables` are the values of the variables that the parsing read; None is one that was not set.
    """

    manifest: Any
    project: Path
    profiles: Path
    files: frozenset[FileState]
    variables: Mapping[str, str | None]

    @classmethod
    def by(cls, arguments: Sequence[str], kept: Path) -> Self | None:
        """Run `dbt parse` with these arguments, and move what dbt keeps of a new parsing to `kept`.

        Return None if dbt fails. Its command then parses again, and reports the error.
        """
        from click.exceptions import ClickException
        from dbt.cli.main import cli

        shared: dict[str, Any] = {"callbacks": []}  # dbt replaces an empty one
        try:
            context = cli.make_context("dbt", [*arguments], obj=shared)
            project, profiles = _folders(arguments)
            files = project_files(project, profiles)
            cli.invoke(context)
        except ClickException:
            return None
        config, manifest = shared["runtime_config"], shared["manifest"]
        new = Path(config.project_target_path, _PARTIAL_PARSE)
        with suppress(FileNotFoundError):  # nothing has changed since the kept one
            new.replace(kept)
        names = {*manifest.env_vars, *config.project_env_vars, *config.profile_env_vars}
        return cls(manifest, project, profiles, files, {name: os.environ.get(name) for name in names})

    def is_current(self) -> bool:
        """Return whether the files and the variables are those that were parsed."""
        return project_files(self.project, self.profiles) == self.files and all(
            os.environ.get(name) == value for name, value in self.variables.items()
        )


def _folders(arguments: Sequence[str]) -> tuple[Path, Path]:
    """Return the folders of the project and of the profile that dbt's arguments name."""
    named = dict(argument.partition("=")[::2] for argument in arguments)
    return Path(named["--project-dir"]), Path(named["--profiles-dir"])


def project_files(project: Path, profiles: Path) -> frozenset[FileState]:
    """Return the state of all files that dbt may read."""
    paths = [profiles / _PROFILES]
    for folder, names, files in os.walk(project):
        if Path(folder) == project:
            names[:] = set(names) - _WRITTEN_BY_DBT
        paths += (Path(folder, file) for file in files)
    return frozenset(state for path in paths for state in _state(path))


def _state(path: Path) -> Iterator[FileState]:
    """Yield a file's state, or nothing if there is none: an editor's draft may be gone by now."""
    with suppress(FileNotFoundError):
        found = path.stat()
        yield str(path), found.st_mtime_ns, found.st_size


def _beside(name: str) -> Any:
    """Import a module of this folder, which is not in Python's search path."""
    spec = spec_from_file_location(f"orchestration.dbt.{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None  # noqa: S101, PT018 - it is a file
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Import dbt with its adapter, parse the project, wait for the command, and run it."""
    _, adapter, templates, kept, *parse = sys.argv
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing is to be undone yet
    # As in common.garbage. The collector stays on, because dbt's contexts, some hundred kilobytes each, are cycles.
    gc.set_threshold(50_000, 20, 20)
    from dbt.cli.main import cli

    with suppress(ImportError):  # dbt reports that in its own words
        import_module(f"dbt.adapters.{adapter}")
    _beside("lighter").make_lighter()
    _beside("templates").KeptTemplates(Path(templates)).take_over()
    parsed = ParsedProject.by(parse, Path(kept)) if parse else None
    gc.freeze()
    if not wait(sys.stdin):
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.close(nothing)
    cli(obj={"manifest": parsed.manifest if parsed and parsed.is_current() else None})


if __name__ == "__main__":
    main()
