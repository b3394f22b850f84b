"""The parsed project, which all tests share: dbt takes 20 CPU seconds to parse it, and less than one to read that.

It is kept in a folder of dbt's target, for each state of the project and for each target of the profile.
"""

from __future__ import annotations

import fcntl
import gc
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

PARSED = "partial_parse.msgpack"
"""Where dbt keeps what it has parsed, in its target."""
PROJECT = Path(__file__).resolve().parents[3] / "dbt"
BUSINESS_NOW = "2026-12-31T12:00:00Z"
"""When dbt runs, whatever the machine's clock says: in the year of the shop of shop.py."""
NOT_OF_THE_PROJECT = {"target", "logs", "dbt_packages"}
_DATABASE_FILE = "DP_MAILBLAZE_DEMO_DEV_DB.duckdb"
"""As the databases of most tests are called, in dbt's folder."""
ANY_DATABASE = "DP_TEST_000000000000"
"""A database in Snowflake, with a name as long as those of all tests."""
_UNPACKED = 3
_STATES = 3


def kept_folder() -> Path:
    """Return the folder that keeps things for later processes: one for each of the last few states of the project."""
    state = hashlib.sha256(f"{PROJECT} {sys.version}".encode() + Path(__file__).read_bytes())
    for name in ("dbt-core", "dbt-common", "dbt-adapters", "dbt-duckdb", "dbt-snowflake", "jinja2"):
        state.update(f"{name} {version(name)}".encode())
    for folder, names, files in os.walk(PROJECT):
        names[:] = sorted(set(names) - NOT_OF_THE_PROJECT)
        for file in sorted(files):
            path = Path(folder, file)
            state.update(f"{path} {path.stat().st_size} ".encode() + path.read_bytes())
    kept = PROJECT / "target" / "tests" / state.hexdigest()[:16]
    kept.mkdir(parents=True, exist_ok=True)
    os.utime(kept)
    with suppress(FileNotFoundError):  # another process removes them, too
        for old in sorted(kept.parent.iterdir(), key=lambda path: path.stat().st_mtime)[:-_STATES]:
            shutil.rmtree(old, ignore_errors=True)
    return kept


def parse_our_project(kept: Path, folder: Path, target: str, run: Callable[[Sequence[str]], int]) -> None:
    """Parse the project for a target into a file of `folder`, once for all forks and all later processes.

    `run` runs dbt. A fork does it, because parsing leaves threads behind.
    """
    of_target = kept / f"{target}.msgpack"
    with (kept / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not of_target.exists():
            child = os.fork()
            if child == 0:
                os._exit(_parse_into(folder, target, run))
            _, status = os.waitpid(child, 0)
            assert status == 0, "dbt could not parse our project"
            shutil.copyfile(folder / PARSED, kept / "draft")
            (kept / "draft").rename(of_target)
        else:
            shutil.copyfile(of_target, folder / PARSED)


def _parse_into(folder: Path, target: str, run: Callable[[Sequence[str]], int]) -> int:
    # With another file, or another role of readers, dbt parses the whole project again.
    os.environ |= {
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "ENVIRONMENT": "dev",
        "BUSINESS_NOW": BUSINESS_NOW,
        "DBT_TARGET": target,
        "DUCKDB_PATH": _DATABASE_FILE,
        "SNOWFLAKE_DATABASE": ANY_DATABASE,
        "SNOWFLAKE_READER_ROLE": "DP_MAILBLAZE_DEMO_DEV_READER",
    }
    places = ("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT))
    parsed = ("--target-path", str(folder), "--log-path", str(folder), "--log-level-file", "none", "--no-write-json")
    return run(["--quiet", "parse", *places, *parsed])


def hand_on(parsed: Path, to: Path, environment: Mapping[str, str]) -> None:
    """Copy the parsed project to the target of an invocation with this environment, if it can be of use there.

    In Snowflake, a node's parsing has the database's name. Names have one length, which is part of the file's format.
    """
    data = parsed.read_bytes()
    if environment.get("DBT_TARGET") == "snowflake":
        database = environment.get("SNOWFLAKE_DATABASE", "").encode()
        if len(database) != len(ANY_DATABASE):
            return
        data = data.replace(ANY_DATABASE.encode(), database)
    to.parent.mkdir(exist_ok=True)
    to.write_bytes(data)


def parse_alike_for_all_connections() -> None:
    """Patch dbt's comparison of connections: it parses the whole project again for another file, host, port or user.

    In Snowflake the database has been put into the parsing. No model reads anything else of a connection while it is
    parsed.
    """
    from dbt.contracts.files import FileHash
    from dbt.parser.manifest import ManifestLoader

    check: Any = ManifestLoader.build_manifest_state_check

    def build_manifest_state_check(self: ManifestLoader) -> Any:
        state = check(self)
        state.profile_hash = FileHash.from_contents("any connection")
        return state

    ManifestLoader.build_manifest_state_check = build_manifest_state_check  # type: ignore[method-assign]


class Unpacked:
    """A cache of unpacked parsing files for forks, because unpacking takes a second."""

    def __init__(self) -> None:
        from dbt.contracts.graph.manifest import Manifest

        self._unpack = Manifest.from_msgpack
        self._seen: set[str] = set()
        self._kept: dict[str, Manifest] = {}
        Manifest.from_msgpack = self._read

    def prepare(self, path: Path) -> None:
        """Unpack the file here when it is requested the second time."""
        from dbt.parser.manifest import extended_mashumuro_decoder

        data = path.read_bytes() if path.exists() else b""
        key = hashlib.sha256(data).hexdigest()
        if key in self._seen and key not in self._kept:
            if len(self._kept) == _UNPACKED:
                del self._kept[next(iter(self._kept))]
            kept = self._kept[key] = self._unpack(data, decoder=extended_mashumuro_decoder)
            kept.build_flat_graph()  # each invocation does so; how its kinds of nodes are written down is compiled here
            gc.collect()
            gc.freeze()
        if data:
            self._seen.add(key)

    def _read(self, data: bytes, **options: Any) -> Any:
        kept = self._kept.get(hashlib.sha256(data).hexdigest())
        return self._unpack(data, **options) if kept is None else kept
