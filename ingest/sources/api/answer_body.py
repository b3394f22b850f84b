"""Decodes the body of an HTTP response in bounded memory: 13 MB of gzip can stand for gigabytes."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

ENCODING = "gzip"
"""The one content coding that is asked for, and taken."""
_IDENTITY = ("", "identity")
_GZIP = ("gzip", "x-gzip")
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_STEP = 2**20


class BodyError(Exception):
    """The body cannot be decoded, or breaks off."""


class UnknownEncodingError(BodyError):
    """The body has a content coding that was not asked for."""


def decoded(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Yield the decoded body in pieces of at most 1 MiB, or the pieces as they come if the body is not encoded.

    Raises BodyError.
    """
    coding = encoding.strip().lower()
    if coding in _IDENTITY:
        return iter(chunks)
    if coding in _GZIP:
        return _unzipped(chunks)
    raise UnknownEncodingError(f"it is encoded as {coding[:40]!r}, which was not asked for")


def _unzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the decompressed body by RFC 1952: members may follow one another, and zero bytes between them are
    padding.
    """
    member = None
    for chunk in chunks:
        rest = chunk
        while rest:
            if member is None:
                rest = rest.lstrip(b"\0")
                if not rest:
                    break
                member = zlib.decompressobj(_GZIP_WINDOW)
            try:
                piece = member.decompress(rest, _STEP)
            except zlib.error as error:
                raise BodyError(f"it is no {ENCODING}: {error}") from error
            if piece:
                yield piece
            if member.eof:
                rest, member = member.unused_data, None
            else:
                rest = member.unconsumed_tail
    if member is not None:
        raise BodyError("it breaks off")
