"""The key set that a keys pass leaves: chunks of keys, of which only those are uploaded that the previous set lacks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa

from ingest.disk import disk_errors
from ingest.lake import layout
from ingest.lake.key_set import KeySetTree, SetObject, content_of, encode_chunk, encode_nodes, read_object
from ingest.lake.objects.store import ObjectStore

_WRITERS = 8
_UNDER_WAY = 64


class KeySetPlan:
    """The key set that this pass leaves: the names of existing parts, and new parts on local disk until they are
    uploaded.
    """

    def __init__(self, folder: Path, previous: KeySetTree | None) -> None:
        self._folder = folder
        self._previous = previous
        self._known = previous.by_content if previous else {}
        self._chunks: list[str] = []
        self._new: dict[str, str] = {}
        self.rows = 0

    def add_chunk(self, keys: pa.Table) -> bool:
        """Add a chunk to the set. Return whether the previous set lacks it."""
        self.rows += keys.num_rows
        part = encode_chunk(keys)
        self._chunks.append(part.content)
        return self._keep(part)

    @property
    def dropped(self) -> list[str]:
        """The chunks of the previous set that this set does not have."""
        mine = set(self._chunks)
        return [name for name in self._previous.chunks if content_of(name) not in mine] if self._previous else []

    def finish(self, version: int) -> tuple[str, int]:
        """Name all parts as of `version`. Return the root's name, and the number of levels above the chunks."""
        level = [self._name(content, version) for content in self._chunks]
        depth = 0
        while len(level) > 1:
            nodes = []
            for node in encode_nodes(level):
                self._keep(node)
                nodes.append(self._name(node.content, version))
            level, depth = nodes, depth + 1
        return level[0], depth

    def upload(self, store: ObjectStore, stream: str) -> None:
        """Upload the new parts. They are durable when this returns."""
        with ThreadPoolExecutor(_WRITERS, thread_name_prefix="keys") as pool:
            puts: list[Future[None]] = []
            for content, name in self._new.items():
                if len(puts) >= _UNDER_WAY:
                    puts.pop(0).result()
                body = (self._folder / content).read_bytes()
                puts.append(pool.submit(store.put, layout.set_object_key(stream, name), body))
            for put in puts:
                put.result()

    def _keep(self, part: SetObject) -> bool:
        if part.content in self._known:
            return False
        with disk_errors(self._folder):
            (self._folder / part.content).write_bytes(part.body)
        return True

    def _name(self, content: str, version: int) -> str:
        if content in self._known:
            return self._known[content]
        return self._new.setdefault(content, layout.set_object_name(version, content))


def fetched_chunks(store: ObjectStore, stream: str, folder: Path, names: Sequence[str]) -> Iterator[Path]:
    """Yield a local file of each of these parts of a set. It is removed when the next one is asked for."""
    with ThreadPoolExecutor(_WRITERS, thread_name_prefix="keys") as pool:
        for start in range(0, len(names), _UNDER_WAY):
            some = names[start : start + _UNDER_WAY]
            for name, body in zip(some, pool.map(lambda name: read_object(store, stream, name), some), strict=True):
                path = folder / f"previous-{name}"
                with disk_errors(folder):
                    path.write_bytes(body)
                yield path
                path.unlink()
