"""A Prometheus on this machine, as a user would point it at the platform: the documented rules, the agent's port."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml

from tests.e2e.stack import REPOSITORY

RULES = REPOSITORY / "docs" / "alerts" / "platform.rules.yml"


def prometheus_problem() -> str | None:
    """Return why there is no Prometheus here; None if there is one."""
    return None if shutil.which("prometheus") else "Prometheus is not installed (Debian's package prometheus)"


@dataclass(frozen=True)
class Monitor:
    """A running Prometheus at `url`."""

    url: str

    def firing(self) -> set[tuple[str, str]] | None:
        """Return the firing alerts with their streams ("" for alerts without one); None while it starts."""
        try:
            answer = httpx.get(f"{self.url}/api/v1/alerts", trust_env=False, timeout=10).raise_for_status().json()
        except httpx.HTTPError:
            return None
        alerts = [alert for alert in answer["data"]["alerts"] if alert["state"] == "firing"]
        return {(alert["labels"]["alertname"], alert["labels"].get("stream", "")) for alert in alerts}


@contextmanager
def watching(metrics_port: int, folder: Path) -> Iterator[Monitor]:
    """Yield a Prometheus that scrapes the agent every second. Its rules fire at once, without an hour's delay."""
    folder.mkdir(parents=True, exist_ok=True)
    rules = re.sub(r"for: \w+", "for: 0s", RULES.read_text(encoding="utf-8"))
    (folder / "rules.yml").write_text(rules, encoding="utf-8")
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "scrape_configs": [
            {"job_name": "platform", "static_configs": [{"targets": [f"127.0.0.1:{metrics_port}"]}]},
        ],
        "rule_files": ["rules.yml"],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        address = "{}:{}".format(*free.getsockname())
    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Monitor(f"http://{address}")
    finally:
        process.kill()
        process.wait()
