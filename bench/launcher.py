"""Runs one command to its end and writes its cost: wall clock, CPU and peak memory of its whole process tree.

    python -I -S launcher.py RESULT.json -- command argument...

A process of its own, and a small one: Linux counts the memory of the parent as the new process's own first
peak, so that a large harness would be seen in every result. Standard library only.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

_SAMPLE_SECONDS = 0.05
_PAGE = os.sysconf("SC_PAGE_SIZE")


def main(arguments: list[str]) -> int:
    """Run `arguments[2:]`, write the cost to the file `arguments[0]`, and return the command's exit code."""
    result, _, *command = arguments
    started = time.perf_counter()
    process = subprocess.Popen(command)  # noqa: S603 - the command is the whole point
    tree = _TreeMemory(process.pid)
    tree.start()
    code = process.wait()
    wall = time.perf_counter() - started
    tree.stop()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    unit = 1 if sys.platform == "darwin" else 1024
    cost = {
        "wall_seconds": wall,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        # The kernel's peak is exact but covers only the largest process. The sampled peak covers all of them together.
        "peak_bytes": max(used.ru_maxrss * unit, tree.peak),
    }
    Path(result).write_text(json.dumps(cost))
    return code


class _TreeMemory(threading.Thread):
    """A sampler of the resident memory of a process and its descendants, if there are several (Linux)."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._pid = pid
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(_SAMPLE_SECONDS):
            pids = _tree(self._pid)
            if len(pids) > 1:
                self.peak = max(self.peak, sum(_resident(pid) for pid in pids))

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def _tree(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        try:
            for thread in os.listdir(f"/proc/{parent}/task"):  # noqa: PTH208 - cheap, twenty times a second
                found.extend(map(int, Path(f"/proc/{parent}/task/{thread}/children").read_text().split()))
        except OSError:
            continue
    return found


def _resident(pid: int) -> int:
    """Return the private resident memory of a process in bytes.

    Memory shared with its parent after a fork counts once.
    """
    try:
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text().split()
    except (OSError, ValueError):
        return 0
    return (int(resident) - int(shared)) * _PAGE


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
