"""One compose project: its own name, ports and images, and nothing of the user's `.env` and accounts."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import time

REPOSITORY = Path(__file__).parents[2]
HERE = Path(__file__).parent
LOGS = HERE / ".logs"
"""What every container wrote, kept when the tests have ended."""
PROJECT = "dp-mailblaze-demo-e2e"
INGEST_CONTAINERS = 3

_OF_THE_MACHINE = ("DOCKER_", "BUILDX_", "BUILDKIT_")
_OF_THE_USER = ("PATH", "HOME", "LANG", "TMPDIR", "XDG_RUNTIME_DIR")


@dataclass(frozen=True)
class Ports:
    """Ports on 127.0.0.1."""

    postgres: int
    saas: int
    lake: int
    prefect: int
    alerts: int
    analytics: int
    metrics: int

    @classmethod
    def free(cls) -> Ports:
        """Seven ports that nobody listens on."""
        with ExitStack() as held:
            sockets = [held.enter_context(closing(socket.socket())) for _ in range(7)]
            for one in sockets:
                one.bind(("127.0.0.1", 0))
            return cls(*(one.getsockname()[1] for one in sockets))

    @property
    def variables(self) -> dict[str, str]:
        """The ports by the names of docker-compose.yml."""
        return {
            "POSTGRES_PORT": str(self.postgres),
            "SAAS_PORT": str(self.saas),
            "LAKE_PORT": str(self.lake),
            "PREFECT_PORT": str(self.prefect),
            "ALERTS_PORT": str(self.alerts),
            "ANALYTICS_PORT": str(self.analytics),
            "METRICS_PORT": str(self.metrics),
        }


@dataclass(frozen=True)
class Stack:
    """The compose project. `variables` are the ones that a user would write into `.env`."""

    ports: Ports
    variables: Mapping[str, str] = field(default_factory=dict)
    files: tuple[Path, ...] = (REPOSITORY / "docker-compose.yml", HERE / "compose.yml")
    project: str = PROJECT

    def given(self, **variables: str) -> Stack:
        """Return the project with other variables in its `.env`. Running containers do not change."""
        return replace(self, variables={**self.variables, **variables})

    def overridden(self, file: Path) -> Stack:
        """Return the project with one more compose file."""
        return replace(self, files=(*self.files, file))

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment of the commands."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if name in _OF_THE_USER or name.startswith(_OF_THE_MACHINE) or name.lower().endswith("_proxy")
        }
        return {**kept, **self.ports.variables, **self.variables, "COMPOSE_PROJECT_NAME": self.project}

    def compose(self, *arguments: str, seconds: float = 120, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `docker compose`. If it fails and `check` is set, raises AssertionError with its output."""
        files = [part for file in self.files for part in ("--file", str(file))]
        command = ["docker", "compose", "--project-name", self.project, "--env-file", os.devnull, *files, *arguments]
        return _run(command, self.environment, seconds=seconds, check=check)

    def docker(self, *arguments: str, seconds: float = 120) -> str:
        """Run `docker`. Return its standard output. Raises AssertionError if it fails."""
        return _run(["docker", *arguments], self.environment, seconds=seconds, check=True).stdout

    def up(self, *services: str, seconds: float = 300) -> None:
        """Start the services (all by default), and return when they are healthy."""
        self.start(*services, options=("--wait",), seconds=seconds)

    def start(self, *services: str, options: Sequence[str] = (), seconds: float = 120) -> None:
        """Start the services (all by default), and return at once, for callers that wait by themselves."""
        scale = ["--scale", f"ingest={INGEST_CONTAINERS}"] if not services or "ingest" in services else []
        alone = ["--no-deps"] if services else []
        self.compose("up", "--detach", "--no-build", *options, *scale, *alone, *services, seconds=seconds)

    def down(self, *, volumes: bool = False) -> None:
        """Stop and remove all containers, with `volumes` also their data. Their logs stay, in LOGS."""
        self.keep_logs()
        self.compose("--profile", "*", "down", "--remove-orphans", *(["--volumes"] if volumes else []))

    def containers(self, service: str) -> list[str]:
        """Return the ids of a service's containers, stopped ones too."""
        return self.compose("ps", "--all", "--quiet", service).stdout.split()

    def host_names(self, service: str) -> dict[str, str]:
        """Return the container ids of a service by the host name that programs in them see."""
        form = "{{.Config.Hostname}} {{.Id}}"
        shown = self.docker("inspect", "--format", form, *self.containers(service)).splitlines()
        return dict(line.split() for line in shown)

    def kill(self, *containers: str) -> None:
        """Kill containers by SIGKILL, like a lost machine."""
        self.docker("kill", "--signal", "KILL", *containers)

    def killed_since(self, begin: float) -> list[str]:
        """Return the names of the containers that were killed since a time, in seconds since 1970.

        Among them are those that were asked to stop, and had not when their grace period ended.
        """
        ours = f"label=com.docker.compose.project={self.project}"
        signals = "{{.Actor.Attributes.signal}} {{.Actor.Attributes.name}}"
        window = ("--since", f"{begin:.3f}", "--until", f"{time():.3f}")
        events = self.docker("events", *window, "--filter", ours, "--filter", "event=kill", "--format", signals)
        return [name for signal, name in map(str.split, events.splitlines()) if signal == "9"]

    def copy_out(self, service: str, path: str, to: Path) -> None:
        """Copy a file out of a service's container."""
        self.compose("cp", f"{service}:{path}", str(to))

    def keep_logs(self) -> None:
        """Append each service's output to its file in LOGS."""
        LOGS.mkdir(exist_ok=True)
        services = self.compose("ps", "--all", "--services").stdout.split()

        def keep(service: str) -> None:
            shown = self.compose("--profile", "*", "logs", "--no-color", "--timestamps", service, check=False)
            with (LOGS / f"{service}.log").open("a") as log:
                log.write(shown.stdout + shown.stderr)

        with ThreadPoolExecutor() as pool:
            list(pool.map(keep, services))


def engine_problem() -> str | None:
    """Return why no container can run here; None if an engine answers."""
    try:
        _run(["docker", "info"], dict(os.environ), seconds=30, check=True)
        _run(["docker", "compose", "version"], dict(os.environ), seconds=30, check=True)
    except (OSError, AssertionError, subprocess.TimeoutExpired) as error:
        return f"no container engine answers: {error}"
    return None


def _run(
    command: list[str], environment: Mapping[str, str], *, seconds: float, check: bool
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    said = f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-4000:]}\n{done.stderr[-8000:]}"
    assert not check or done.returncode == 0, said
    return done
