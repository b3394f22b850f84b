"""Other people's machines: terminals that show no Unicode, paths with umlauts, accounts without a home."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import venv
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
LATIN = "de_DE.ISO-8859-1"


@pytest.fixture
def latin(tmp_path: Path) -> dict[str, str]:
    """The variables of a Latin-1 locale, made here if this machine can make one."""
    if shutil.which("localedef") is None:
        pytest.skip("there is no localedef to make a locale with")
    made = subprocess.run(
        ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", tmp_path / LATIN], capture_output=True, text=True, check=False
    )
    if not (tmp_path / LATIN).exists():
        pytest.skip(f"localedef cannot make {LATIN}: {made.stderr}")
    return {"LOCPATH": str(tmp_path), "LC_ALL": LATIN}


SHOW = r"from ingest.terminal import fit_output; fit_output(); print('\u2713 L\u00faa Paper Notebook')"


@pytest.mark.parametrize("utf8", ["0", "1"])
def test_what_a_latin_terminal_cannot_show_becomes_a_question_mark(latin: dict[str, str], utf8: str) -> None:
    shown = subprocess.run(
        [sys.executable, "-c", SHOW], env={**os.environ, **latin, "PYTHONUTF8": utf8}, capture_output=True, check=True
    )
    assert shown.stdout == "? Lúa Paper Notebook\n".encode("latin-1")


def test_an_encoding_that_was_asked_for_is_kept() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    shown = subprocess.run([sys.executable, "-c", SHOW], env=environment, capture_output=True, check=True)
    assert shown.stdout == "? Lúa Paper Notebook\n".encode("cp1252")


def test_the_c_locale_says_nothing_of_a_terminal() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONIOENCODING"}
    shown = subprocess.run(
        [sys.executable, "-c", SHOW], env={**environment, "LC_ALL": "C"}, capture_output=True, check=True
    )
    assert shown.stdout.decode() == "✓ Lúa Paper Notebook\n"


def test_the_commands_show_their_help_on_a_latin_terminal(latin: dict[str, str]) -> None:
    for command in ("local", "ingest", "orchestration.warehouse"):
        shown = subprocess.run(
            [sys.executable, "-m", command, "--help"], env={**os.environ, **latin}, capture_output=True, check=False
        )
        assert (shown.returncode, shown.stderr) == (0, b""), command


def test_a_clone_in_a_path_with_an_umlaut_starts_in_the_c_locale(tmp_path: Path) -> None:
    """Python reads path files in the locale's encoding before anything of ours runs: ours is a relative one."""
    [installed] = Path(sys.prefix).glob("lib/python3.*/site-packages/_editable_impl_*.pth")
    assert installed.read_text(encoding="ascii") == "../../../..\n"

    clone = tmp_path / "Größe ☃"
    venv.create(clone / ".venv", symlinks=True)
    [packages] = (clone / ".venv").glob("lib/python3.*/site-packages")
    shutil.copy(installed, packages)
    (clone / "our_package.py").write_text("print('imported')", encoding="ascii")
    command = [clone / ".venv" / "bin" / "python", "-c", "import our_package"]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    started = subprocess.run(
        command,
        cwd=elsewhere,
        env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (started.returncode, started.stdout) == (0, "imported\n"), started.stderr


@pytest.mark.parametrize("variable", ["HOME", "XDG_CACHE_HOME", "UV_CACHE_DIR"])
def test_uv_keeps_its_downloads_where_they_can_be_written(tmp_path: Path, variable: str) -> None:
    def cache(place: Path) -> Path:
        environment = {"PATH": os.environ["PATH"], variable: str(place)}
        script = REPOSITORY / "requirements" / "cache.sh"
        told = subprocess.run([script], env=environment, capture_output=True, text=True, check=True)
        return Path(told.stdout.rstrip("\n"))

    home = tmp_path / "my home"
    assert cache(home).is_relative_to(home)
    # Not even root can make a directory below a file.
    file = tmp_path / "file"
    file.write_text("")
    assert cache(file / "home") == REPOSITORY / ".venv-cache" / "uv"
    if os.geteuid() != 0:
        home.chmod(stat.S_IRUSR | stat.S_IXUSR)
        assert cache(home / "new") == REPOSITORY / ".venv-cache" / "uv"
