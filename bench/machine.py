"""The machine on which the figures were measured."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

from pydantic import BaseModel, ConfigDict

_LIBRARIES = (
    "adbc-driver-postgresql",
    "pyarrow",
    "duckdb",
    "msgspec",
    "httpx",
    "boto3",
    "moto",
    "dbt-core",
    "dbt-duckdb",
)


class Machine(BaseModel):
    """The hardware, and the versions of the software involved."""

    model_config = ConfigDict(frozen=True)

    cpu: str
    cores: int
    memory_bytes: int
    system: str
    python: str
    postgres: str
    disk: str
    versions: dict[str, str]

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    @classmethod
    def here(cls, *, postgres: str, folder: Path, peers: Path | None) -> Machine:
        """Return this machine. `folder` is the servers' data folder; `peers` the environment of the peers."""
        versions = {name: metadata.version(name) for name in _LIBRARIES}
        if peers is not None:
            versions |= _installed(peers, ("dlt", "connectorx", "sling-linux-amd64"))
        return cls(
            cpu=_cpu_model(),
            cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
            memory_bytes=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
            system=f"{platform.system()} {platform.release()} {platform.machine()}",
            python=platform.python_version(),
            postgres=postgres,
            disk=_disk(folder),
            versions=versions,
        )


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _disk(folder: Path) -> str:
    """Return the device and file system under `folder`, because a virtual disk, an NVMe and memory differ."""
    try:
        mounts = [line.split()[:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "unknown"
    under = [(len(place), device, kind) for device, place, kind in mounts if folder.is_relative_to(place)]
    if not under:
        return "unknown"
    _, device, kind = max(under)
    return f"{device} ({kind})"


def _installed(environment: Path, names: tuple[str, ...]) -> dict[str, str]:
    folders = [str(path) for path in environment.glob("lib/python3*/site-packages")]
    found = {
        distribution.metadata["Name"].lower(): distribution.version
        for distribution in metadata.distributions(path=folders)
    }
    return {name: found[name] for name in names if name in found}
