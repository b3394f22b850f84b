"""The CPython that `make install` chooses, and its behaviour on a machine without one: requirements/python.sh.

Pythons and uv are programs of a few lines here, each with the abilities that a test gives it.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
TOOLS = ("bash", "cat", "dirname", "env", "mkdir", "rm", "sed", "tail")

UV = """#!/usr/bin/env bash
echo "uv $* [$UV_PYTHON_PREFERENCE $UV_PYTHON_INSTALL_BIN $UV_PYTHON_INSTALL_DIR]" >>"$CALLS"
case "$*" in
  --version) ;;
  'python install 3.11') if [ -n "${UV_FAILS:-}" ]; then echo 'no route to the mirror' >&2; exit 1; fi ;;
  'python find --system 3.11') echo /managed/python3.11 ;;
  *) exit 64 ;;
esac
"""
PYTHON = """#!/usr/bin/env bash
minor=@minor@ abilities='@abilities@'
has() { [[ " $abilities " == *" $1 "* ]]; }
case "$*" in
  *sys.argv*) [[ " ${*:3} " == *" $minor "* ]] ;;
  *'(3, 9)'*) [ "$minor" -ge 9 ] ;;
  '-c import ensurepip, venv') has venv ;;
  '-c import pip') has pip ;;
  --version) echo "Python 3.$minor.0" ;;
  '-m venv --clear '*) mkdir -p "$4/bin" && sed "s/^minor.*/minor=$minor abilities=pip/" "$0" >"$4/bin/python" ;;
  '-m pip install '*)
    has pip || exit 1
    for word; do
      case $before in --target) target=$word ;; -r) cat "$word" >"$CALLS.lock" ;; esac
      before=$word
    done
    echo "pip $*" >>"$CALLS"
    mkdir -p "${target:-${0%/bin/python}}/bin" && cat "$CALLS.uv" >"${target:-${0%/bin/python}}/bin/uv" ;;
  *) exit 64 ;;
esac && { [ ! -d .venv-bootstrap/bin ] || env chmod +x .venv-bootstrap/bin/*; }
"""


@dataclass(frozen=True)
class Machine:
    """A clone on a machine with only the programs of `bin`."""

    clone: Path
    bin: Path
    calls: Path

    @classmethod
    def made(cls, directory: Path) -> Machine:
        machine = cls(directory / "clone", directory / "bin", directory / "calls")
        (machine.clone / "requirements").mkdir(parents=True)
        machine.bin.mkdir()
        for name in ("python.sh", "uv.txt"):
            shutil.copy(REPOSITORY / "requirements" / name, machine.clone / "requirements")
        for tool in (*TOOLS, "chmod"):
            program = shutil.which(tool)
            assert program is not None
            (machine.bin / tool).symlink_to(program)
        (directory / "calls.uv").write_text(UV)
        return machine

    def has_python(self, name: str, minor: int, *abilities: str) -> Path:
        return self._program(name, PYTHON.replace("@minor@", str(minor)).replace("@abilities@", " ".join(abilities)))

    def has_uv(self) -> Path:
        return self._program("uv", UV)

    def _program(self, name: str, text: str) -> Path:
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def find(self, **environment: str) -> subprocess.CompletedProcess[str]:
        home = {"HOME": str(self.clone.parent / "home"), "PATH": str(self.bin), "CALLS": str(self.calls)}
        return subprocess.run(
            [self.clone / "requirements" / "python.sh"],
            env=home | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def called(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []

    def leftovers(self) -> list[str]:
        return sorted(path.name for path in self.clone.iterdir() if path.name != "requirements")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine.made(tmp_path)


@pytest.mark.parametrize("name", ["python3.11", "python3", "python"])
def test_an_installed_one_is_taken_and_nothing_is_fetched(machine: Machine, name: str) -> None:
    machine.has_uv()
    python = machine.has_python(name, 11, "venv")

    found = machine.find()

    assert (found.returncode, found.stdout, found.stderr) == (0, f"{python}\n", "")
    assert machine.called() == []


@pytest.mark.parametrize(
    ("there", "taken"),
    [
        ([("python3", 13), ("python3.12", 12)], "python3.12"),
        ([("python3", 13)], "python3"),
        ([("python3", 14), ("python3.13", 13)], "python3.13"),
        ([("python3", 12), ("python3.11", 11)], "python3.11"),
        ([("python", 11), ("python3.12", 12)], "python"),
    ],
)
def test_of_several_the_release_of_the_images_comes_first_then_the_older_one(
    machine: Machine, there: list[tuple[str, int]], taken: str
) -> None:
    for name, minor in there:
        machine.has_python(name, minor, "venv")

    assert machine.find().stdout == f"{machine.bin / taken}\n"


@pytest.mark.parametrize("minor", [11, 12, 13])
def test_the_one_that_is_named_comes_first(machine: Machine, minor: int) -> None:
    machine.has_python("python3.11", 11, "venv")
    named = machine.has_python("other", minor, "venv")

    assert machine.find(PYTHON=str(named)).stdout == f"{named}\n"


@pytest.mark.parametrize("others", [(), (("python3", 14, "venv", "pip"),), (("python3.11", 11),)])
def test_uv_on_the_path_gets_a_managed_one_and_says_so(machine: Machine, others: tuple[tuple[str, int, str]]) -> None:
    uv = machine.has_uv()
    for other in others:
        machine.has_python(*other)

    found = machine.find()

    assert (found.returncode, found.stdout) == (0, "/managed/python3.11\n"), found.stderr
    assert f"no CPython 3.11, 3.12 or 3.13 was found; uv ({uv}) provides a managed one" in found.stderr
    place = machine.clone.parent / "home" / ".local" / "share" / "uv" / "python"
    assert f"uv python install 3.11 [only-managed 0 {place}]" in machine.called()
    assert machine.leftovers() == []


@pytest.mark.parametrize(("minor", "ability"), [(9, "venv"), (10, "venv"), (14, "pip")])
def test_without_uv_any_python_installs_it_first_by_its_hashes(machine: Machine, minor: int, ability: str) -> None:
    machine.has_python("python3", minor, ability)

    found = machine.find()

    assert (found.returncode, found.stdout) == (0, "/managed/python3.11\n"), found.stderr
    assert f"uv, to get one, by Python 3.{minor}.0" in found.stderr
    assert "--require-hashes" in machine.called()[0]
    lock = machine.calls.with_name("calls.lock").read_text()
    # The lock's condition, of the environment's Python, would leave uv out beside a newer one.
    assert lock.startswith("uv==")
    assert "python_full_version" not in lock
    assert lock.count("--hash=sha256:") == (REPOSITORY / "requirements" / "uv.txt").read_text().count("--hash=sha256:")
    assert machine.leftovers() == []


@pytest.mark.parametrize("others", [(), (("python3", 8, "venv", "pip"),), (("python3", 12),)])
def test_with_neither_the_ways_to_get_one_are_shown(machine: Machine, others: tuple[tuple[str, int, str]]) -> None:
    for other in others:
        machine.has_python(*other)

    found = machine.find()

    assert (found.returncode, found.stdout) == (2, "")
    assert "CPython 3.11, 3.12 or 3.13 with venv is needed. One of these gives it:" in found.stderr
    assert "make PYTHON=/path/to/python3" in found.stderr
    assert machine.leftovers() == []


def test_one_that_makes_no_environments_is_named_with_its_remedy(machine: Machine) -> None:
    machine.has_python("python3.11", 11)

    found = machine.find()

    assert found.returncode == 2
    assert (
        "python3.11 cannot make virtual environments (Debian and Ubuntu: apt install python3.11-venv)" in found.stderr
    )


def test_a_download_that_fails_ends_with_the_reason_and_the_other_ways(machine: Machine) -> None:
    machine.has_uv()

    found = machine.find(UV_FAILS="1")

    assert (found.returncode, found.stdout) == (1, "")
    assert "no route to the mirror" in found.stderr
    assert "UV_PYTHON_INSTALL_MIRROR" in found.stderr
    assert machine.leftovers() == []


def test_an_account_without_a_home_keeps_it_beside_its_environments(machine: Machine) -> None:
    machine.has_uv()

    assert machine.find(HOME="/dev/null").returncode == 0
    assert any(str(machine.clone / ".venv-python") in call for call in machine.called())


def test_the_environment_that_is_made_anew_is_not_made_by_itself(machine: Machine) -> None:
    ours = machine.clone / ".venv" / "bin"
    ours.mkdir(parents=True)
    machine.has_python("python3.11", 11, "venv").rename(ours / "python3.11")

    assert machine.find(PATH=f"{ours}:{machine.bin}").returncode == 2
