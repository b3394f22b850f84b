"""The layout of the bucket: every key of the lake is made here.

<prefix>/<stream>/dt=YYYY-MM-DD/<version>-<part>-<sha256[:12]>.parquet   data, immutable
_log/<stream>/<version, 20 digits>.json                                  commit, put-if-absent
_log/<stream>/_latest.json                                               hint, never trusted
_log/<stream>/_read.json                                                 how far the source was read; a hint too
_log/<stream>/_counted.json                                              when rows were last counted; a hint too
_quarantine/<stream>/dt=YYYY-MM-DD/<version>-<part>-<sha256[:12]>.parquet
_keys/<stream>/dt=YYYY-MM-DD/<version>-<part>-<sha256[:12]>.parquet      keys of a commit's rows, for the keys pass
_keys/<stream>/<version>-<sha256[:32]>                                   part of a set of all keys, for the next pass
_runs/<flow run>.json                                                    a stream's result, from another process
_ops/runs/<flow run>.json                                                a run's record, until a warehouse has it
_ops/schema_changes.json                                                 the schema changes that were reported
_ops/running/<flow run>.json                                             mark of a run under way, until it ends
_ops/latest.json                                                         newest run, for a monitor; a hint too
_built/<warehouse>.json                                                  versions its marts were built from; a hint
<any of these>/__doctor/...                                              test objects of a doctor; they expire
"""

from __future__ import annotations

import re
from datetime import datetime

LOG = "_log"
QUARANTINE = "_quarantine"
KEYS = "_keys"
RUNS = "_runs/"
OPS = "_ops/"
OPS_RUNS = f"{OPS}runs/"
OPS_RUNNING = f"{OPS}running/"
KNOWN_CHANGES = f"{OPS}schema_changes.json"
BUILT = "_built/"
PROBES = "__doctor"
"""In a stream's place: what the doctors try there. Nothing reads it, and it expires (terraform/modules/raw_lake)."""
_VERSION_DIGITS = 20
HIGHEST_VERSION = 10**_VERSION_DIGITS - 1
_FILE_KEY = re.compile(r"/(\d{10,})-\d{4,}-[0-9a-f]{12}\.parquet$")
_SET_OBJECT_KEY = re.compile(r"/(\d{10,})-[0-9a-f]{32}$")
_COMMIT_KEY = re.compile(rf"/(\d{{{_VERSION_DIGITS}}})\.json$")


def data_key(prefix: str, stream: str, *, at: datetime, version: int, part: int, sha256: str) -> str:
    """Return the key of a data or quarantine file. It holds the content's hash, so that two writers never overwrite
    each other.
    """
    return f"{prefix}/{stream}/dt={at:%Y-%m-%d}/{version:010d}-{part:04d}-{sha256[:12]}.parquet"


def log_prefix(stream: str) -> str:
    """Return the prefix of a stream's commit keys."""
    return f"{LOG}/{stream}/"


def commit_key(stream: str, version: int) -> str:
    """Return the key of one commit."""
    return f"{log_prefix(stream)}{version:0{_VERSION_DIGITS}d}.json"


def latest_key(stream: str) -> str:
    """Return the key of the hint at the newest version."""
    return f"{log_prefix(stream)}_latest.json"


def read_mark_key(stream: str) -> str:
    """Return the key of the hint at how far the source was read."""
    return f"{log_prefix(stream)}_read.json"


def count_mark_key(stream: str) -> str:
    """Return the key of the hint at when the source was last counted."""
    return f"{log_prefix(stream)}_counted.json"


def set_object_key(stream: str, name: str) -> str:
    """Return the key of a part of a stream's key set. `set_object_name` makes `name`."""
    return f"{KEYS}/{stream}/{name}"


def set_object_name(version: int, content: str) -> str:
    """Return the name of a part of a key set: its pass' version number, and the digest of its content (32 digits)."""
    return f"{version:010d}-{content}"


def outcome_key(flow_run_id: str) -> str:
    """Return the key under which the flow run that landed a stream leaves its result for the run that asked for it."""
    return f"{RUNS}{flow_run_id}.json"


def run_record_key(flow_run_id: str) -> str:
    """Return the key of a run's record, which waits there for its import into the warehouse."""
    return f"{OPS_RUNS}{flow_run_id}.json"


def running_mark_key(flow_run_id: str) -> str:
    """Return the key of the mark that says that a run is under way."""
    return f"{OPS_RUNNING}{flow_run_id}.json"


def built_key(warehouse: str) -> str:
    """Return the key of the hint that says which versions a warehouse's marts were built from."""
    return f"{BUILT}{warehouse}.json"


def latest_run_key() -> str:
    """Return the key of the note of the newest run."""
    return f"{OPS}latest.json"


def version_of(key: str) -> int | None:
    """Return the version that a commit key names, None for any other key."""
    match = _COMMIT_KEY.search(key)
    return int(match[1]) if match else None


def file_version(key: str) -> int | None:
    """Return the version for which a file, or a part of a key set, was written; None for a key of another form."""
    match = _FILE_KEY.search(key) or _SET_OBJECT_KEY.search(key)
    return int(match[1]) if match else None


def data_prefixes(prefix: str, stream: str) -> tuple[str, ...]:
    """Return the prefixes of a stream's files, which `gc` lists."""
    return (f"{prefix}/{stream}/", f"{QUARANTINE}/{stream}/", f"{KEYS}/{stream}/")
