"""Measures contenders in turn (A B C A B C), so that other load on the machine affects all of them alike."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from pydantic import BaseModel, ConfigDict

_LAUNCHER = Path(__file__).with_name("launcher.py")
_SHOWN_OUTPUT = 2_000


class BenchError(Exception):
    """A measurement could not be made. The message is one sentence."""


class Sample(BaseModel):
    """The cost of one run of a process and its children."""

    model_config = ConfigDict(frozen=True)

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int


@dataclass(frozen=True)
class Command:
    """A command to run. `environment` is its whole environment, and `given` is what it reads from standard input."""

    arguments: Sequence[object]
    environment: Mapping[str, str]
    timeout_seconds: float = 900.0
    given: str = ""


@dataclass(frozen=True)
class Contender:
    """One competitor. `trial` is entered before each run and left after it: a fresh bucket, a copied database.

    It yields the command to run and measure. `warmup` replaces the first trial, if a smaller one is sufficient.
    """

    name: str
    trial: Callable[[], AbstractContextManager[Command]]
    warmup: Callable[[], AbstractContextManager[Command]] | None = None
    at_most: int | None = None
    """Rounds that it takes part in, where it is so slow that all of them would take too long."""


def interleave(
    contenders: Sequence[Contender], rounds: int, tell: Callable[[str], None], *, warm_up: bool = True
) -> dict[str, list[Sample]]:
    """Warm each contender up once, then run all of them `rounds` times in turn. Raises BenchError."""
    for contender in contenders if warm_up else ():
        with (contender.warmup or contender.trial)() as command:
            run(command)
    samples: dict[str, list[Sample]] = {contender.name: [] for contender in contenders}
    for number in range(1, rounds + 1):
        for contender in contenders:
            if contender.at_most is not None and number > contender.at_most:
                continue
            with contender.trial() as command:
                sample = run(command)
            samples[contender.name].append(sample)
            tell(
                f"    {number}/{rounds} {contender.name:<44} {sample.wall_seconds:8.2f} s wall "
                f"{sample.cpu_seconds:8.2f} s CPU {sample.peak_bytes / 1e6:8.0f} MB"
            )
    return samples


def run(command: Command) -> Sample:
    """Run a command to its end. Raises BenchError with the end of its output if it fails."""
    arguments = [str(argument) for argument in command.arguments]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        result, output, given = Path(folder) / "cost.json", Path(folder) / "output", Path(folder) / "given"
        given.write_text(command.given, encoding="utf-8")
        with output.open("wb") as log, given.open("rb") as standard_input:
            launcher = subprocess.Popen(  # noqa: S603 - our own commands
                [sys.executable, "-I", "-S", _LAUNCHER, result, "--", *arguments],
                env=dict(command.environment),
                stdin=standard_input,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code = launcher.wait(command.timeout_seconds)
            except subprocess.TimeoutExpired:
                _fail(arguments, f"did not end within {command.timeout_seconds:.0f} s", output)
            finally:
                _kill_session(launcher)
        if code != 0:
            _fail(arguments, f"ended with exit code {code}", output)
        return Sample.model_validate_json(result.read_bytes())


def _kill_session(launcher: subprocess.Popen[bytes]) -> None:
    """End the remaining processes of the measured tree."""
    try:
        os.killpg(launcher.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    launcher.wait()


def _fail(arguments: Sequence[str], what: str, output: Path) -> NoReturn:
    said = output.read_text(errors="replace")[-_SHOWN_OUTPUT:].strip()
    raise BenchError(f"{' '.join(arguments[:6])} {what}.\n{said}")
