"""Splits JSON that no strict parser accepts, by its brackets and strings alone.

One record of a page may hold invalid JSON (half a surrogate pair, NaN, a control character), or may be nested too deep
to be decoded. If its brackets match and its strings end, it is still certain where the record ends, and the other
records are not harmed. If that is not certain, UnreadableError is raised: no record is ever cut by guess.
"""

from __future__ import annotations

import re

_SPACE = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
# Any escape and any control character is accepted here. The strict parser rejects the wrong ones.
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_STRINGS = re.compile(_STRING, re.DOTALL)
_STRUCTURE = re.compile(_STRING + rb'|[\[\]{},"]', re.DOTALL)
_MEMBER = re.compile(rb"(" + _STRING + rb")[ \t\r\n]*+:[ \t\r\n]*+(.*)", re.DOTALL)
_PAIRS = {b"]": b"[", b"}": b"{"}
# A string beside anything but punctuation: a quotation mark is missing or one too many, so that inside and outside of
# the following strings may be swapped.
_BESIDE_NO_PUNCTUATION = re.compile(rb'[^\[{,:]"|"[^\]},:]')
_ACROSS_RECORDS = re.compile(rb"[}\]][ \t\r\n]*,|,[ \t\r\n]*[{\[]")


class UnreadableError(ValueError):
    """It is not certain where one part of the JSON ends and the next begins."""


def parts(text: bytes, opening: bytes) -> list[bytes]:
    """Return the parts of `text`, which is one array (`opening` is `[`) or object (`{`), without the space around them.

    A last part may be empty, as after a trailing comma. Raises UnreadableError.
    """
    text = text.removeprefix(_BOM).strip(_SPACE)
    if not text.startswith(opening):
        raise UnreadableError(f"no {opening.decode()} at the start")
    found: list[bytes] = []
    inside: list[bytes] = []
    start = 1
    for match in _STRUCTURE.finditer(text):
        token = match[0]
        if token == b'"':
            raise UnreadableError("a string has no end")
        if token in (b"[", b"{"):
            inside.append(token)
        elif token in _PAIRS:
            if inside.pop() != _PAIRS[token]:
                raise UnreadableError("the brackets do not match")
            if not inside:
                if match.end() != len(text):
                    raise UnreadableError("something follows after the end")
                found.append(text[start : match.start()].strip(_SPACE))
                return found if found[-1] else found[:-1]
        elif token == b"," and len(inside) == 1:
            found.append(text[start : match.start()].strip(_SPACE))
            start = match.end()
    raise UnreadableError("there is no end")


def members(text: bytes) -> list[tuple[bytes, bytes]]:
    """Return name and value of each member of the object `text`. Names are still quoted. Raises UnreadableError."""
    return [_member(part) for part in parts(text, b"{")]


def is_plain(record: bytes) -> bool:
    """Return whether `record` is certainly one record.

    It is not if a string in it may be the text between the strings of two broken records.
    """
    shape = _STRINGS.sub(b'"', record).translate(None, _SPACE)
    if not _BESIDE_NO_PUNCTUATION.search(shape):
        return True
    return not any(_ACROSS_RECORDS.search(string[0]) for string in _STRINGS.finditer(record))


def depth(text: bytes) -> int:
    """Return the depth of nested arrays and objects in `text`, 0 for a scalar. Brackets in strings do not count."""
    deepest = level = 0
    for match in _STRUCTURE.finditer(text):
        if match[0] in (b"[", b"{"):
            level += 1
            deepest = max(deepest, level)
        elif match[0] in _PAIRS:
            level -= 1
    return deepest


def _member(part: bytes) -> tuple[bytes, bytes]:
    match = _MEMBER.fullmatch(part)
    if match is None:
        raise UnreadableError("a member is no key and value")
    return match[1], match[2]
