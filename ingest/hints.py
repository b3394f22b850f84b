"""Rewrites the commands in a message so that they work where this process runs.

Messages name a command in backticks as it is typed on a machine with this repository's environment: `ingest log x`. A
user of the containers of docker-compose.yml types another command, `docker compose exec ingest python -m ingest log x`,
or an equivalent one. Only `here` knows which.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable

_ON_THE_HOST = " (on the host, see docs/RUNBOOK.md)"
_COMMAND = re.compile(rf"`([^`\n]+)`(?!{re.escape(_ON_THE_HOST)})")
_IN_INGEST = "docker compose exec ingest "
_IN_AGENT = "docker compose exec prefect_agent "
_DEPLOYMENT = "prefect deployment run dp-maiblaze-demo-dev-flow/"


def here(text: str) -> str:
    """Return `text` with each command in backticks rewritten for this process' environment. A second call changes
    nothing.
    """
    # Our images set this variable. Empty, or any other value, means a machine with the environment.
    return _COMMAND.sub(_in_compose, text) if os.environ.get("RUNS_IN") == "compose" else text


def _in_compose(found: re.Match[str]) -> str:
    command = found[1]
    for pattern, rewritten in _RULES:
        if re.match(pattern, command):
            return f"`{rewritten(command)}"
    return found[0]


def _prefixed(prefix: str) -> Callable[[str], str]:
    return lambda command: f"{prefix}{command}`"


def _replaced(command: str) -> Callable[[str], str]:
    return lambda _: f"{command}`"


def _on_the_host(command: str) -> str:
    """Return a command that writes contracts or models, with a note to run it on the host.

    Inside a container it would write into the image.
    """
    return f"{command}`{_ON_THE_HOST}"


def _query(command: str) -> str:
    return f"docker compose run --rm query{command.partition(' query')[2]}`"


def _flow(command: str) -> str:
    """Return the command that runs the flow as a run of its deployment `full`, with the options as parameters."""
    words = iter(shlex.split(command)[2:])
    streams, parameters = [], []
    for word in words:
        if word in ("-s", "--stream"):
            streams.append(f'"{next(words)}"')
        else:
            parameters.append(f" -p {word.removeprefix('--').replace('-', '_')}=true")
    chosen = f" -p 'streams=[{', '.join(streams)}]'" if streams else ""
    return f"{_IN_AGENT}{_DEPLOYMENT}full{chosen}{''.join(parameters)}`"


_RULES: tuple[tuple[str, Callable[[str], str]], ...] = (
    (r"ingest contract (new|accept)\b", _on_the_host),
    (r"ingest\s", _prefixed(f"{_IN_INGEST}python -m ")),
    (r"python -m ingest\b", _prefixed(_IN_INGEST)),
    (r"python -m (orchestration\.(dbt\.sources|env)|local)\b", _on_the_host),
    (r"python -m orchestration\.worker\b", _replaced("docker compose up -d --wait ingest")),
    (r"python -m orchestration\.prefect\.agent\b", _replaced("docker compose up -d --wait prefect_agent")),
    (r"python -m orchestration\.prefect\.deploy\b", _replaced("docker compose up -d --wait prefect_flow")),
    (r"python orchestration/prefect/flow\.py --deploy\b", _replaced("docker compose up -d --wait prefect_flow")),
    (r"python orchestration/prefect/flow\.py", _flow),
    (r"make demo$", _replaced(f"{_IN_AGENT}{_DEPLOYMENT}full")),
    (r"python -m orchestration\.warehouse query\b", _query),
    (r"python -m orchestration\.", _prefixed(_IN_AGENT)),
    (r"prefect\s", _prefixed(_IN_AGENT)),
    (r"cat\s", _prefixed(_IN_AGENT)),
)
"""What a command begins with, and what it becomes in the containers; the first that fits counts."""
