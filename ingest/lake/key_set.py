"""The set of all keys at a source, kept beside the log for the next pass: a tree of which only changed parts are new.

    root -> nodes -> ... -> chunks          _keys/<stream>/<version>-<sha256[:32]>

A chunk is a Parquet file of keys in the order of their bytes. A hash of its last key decides where it ends, so that a
key that comes or goes changes its own chunk, and no other. A node lists the names of chunks or nodes, and ends by the
same rule. A name holds its object's digest: the root vouches for all of the tree, and equal names are equal content.
It begins with the version that its pass wanted to become, so that no later pass writes it again (`ingest/lake/gc.py`).

The set is only a hint that saves work. The log's tombstones say which keys are deleted.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import isqrt

import orjson
import pyarrow as pa

from ingest.errors import DamagedLakeError
from ingest.lake import layout
from ingest.lake.commit import KeySetMark
from ingest.lake.objects.store import ObjectStore

_READERS = 16
_DIGITS = 32
_CHILDREN = 32
"""About how many names a node lists; by far more it may not (`_MOST`)."""
_MOST = 8
_SMALLEST_CHUNK = 256
_TOLERATED = 16


@dataclass(frozen=True)
class KeySetTree:
    """The names of a set's chunks, in the order of their keys, and of its nodes."""

    chunks: tuple[str, ...]
    nodes: tuple[str, ...]

    @property
    def by_content(self) -> dict[str, str]:
        """The names by their content's digest."""
        return {content_of(name): name for name in (*self.chunks, *self.nodes)}


@dataclass(frozen=True)
class SetObject:
    """A part of a set that is not in the lake yet."""

    content: str
    body: bytes


def chunk_rows_for(rows: int, known: int | None = None) -> int:
    """Return about how many keys a chunk of a set of `rows` keys holds.

    It is a power of two near the square root of `rows`. A set keeps its `known` size until that size is far off,
    because another size makes other chunks.
    """
    if known is not None and known**2 // _TOLERATED <= rows <= known**2 * _TOLERATED:
        return known
    return max(_SMALLEST_CHUNK, 1 << isqrt(rows).bit_length())


def encode_chunk(keys: pa.Table) -> SetObject:
    """Return a chunk's object. Equal keys give equal bytes within one release of Arrow."""
    import pyarrow.parquet as pq  # imported late, because a run that writes nothing does not need it

    encodings = {field.name: _encoding(field.type) for field in keys.schema}
    sink = pa.BufferOutputStream()
    pq.write_table(
        keys,
        sink,
        compression="zstd",
        use_dictionary=False,
        write_statistics=False,
        store_schema=False,
        column_encoding={name: encoding for name, encoding in encodings.items() if encoding},
    )
    return _object(sink.getvalue().to_pybytes())


def encode_nodes(names: Sequence[str]) -> Iterator[SetObject]:
    """Yield the nodes that list `names`. Each node but the last lists at least two."""
    node: list[str] = []
    for name in names:
        node.append(name)
        ends = int(content_of(name)[-8:], 16) % _CHILDREN == 0
        if len(node) > 1 and (ends or len(node) >= _CHILDREN * _MOST):
            yield _node(node)
            node = []
    if node:
        yield _node(node)


def read_tree(store: ObjectStore, stream: str, mark: KeySetMark) -> KeySetTree:
    """Return the names of all parts of a set. Raises DamagedLakeError for a node that is missing or altered."""
    level, nodes = [mark.root], []
    with ThreadPoolExecutor(_READERS, thread_name_prefix="keys") as pool:
        for _ in range(mark.depth):
            nodes += level
            bodies = pool.map(lambda name: read_object(store, stream, name), level)
            level = [str(name) for body in bodies for name in orjson.loads(gzip.decompress(body))]
    return KeySetTree(tuple(level), tuple(nodes))


def read_object(store: ObjectStore, stream: str, name: str) -> bytes:
    """Return the body of one part. Raises DamagedLakeError if it is missing or altered."""
    key = layout.set_object_key(stream, name)
    body = store.get(key)
    if body is None or _object(body).content != content_of(name):
        raise DamagedLakeError(
            f"{store.uri(key)}, a part of the set of keys, is {'missing' if body is None else 'not what was written'}",
            stream=stream,
        )
    return body


def _node(names: Sequence[str]) -> SetObject:
    return _object(gzip.compress(orjson.dumps(list(names)), mtime=0))


def _object(body: bytes) -> SetObject:
    return SetObject(hashlib.sha256(body).hexdigest()[:_DIGITS], body)


def content_of(name: str) -> str:
    """Return the digest in a part's name."""
    return name[-_DIGITS:]


def _encoding(type_: pa.DataType) -> str | None:
    """Return the encoding for a column of keys: deltas for integers and text, because ordered keys differ little."""
    if pa.types.is_int32(type_) or pa.types.is_int64(type_):
        return "DELTA_BINARY_PACKED"
    return "DELTA_BYTE_ARRAY" if pa.types.is_string(type_) else None
