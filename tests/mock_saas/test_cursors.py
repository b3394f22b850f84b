"""Cursors survive a round trip, and nothing else is one."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_saas.api.cursors import Cursor, CursorSealer, InvalidCursorError, Listing
from mock_saas.windows import Position, Window

SEALER = CursorSealer(b"key of the tests")
BOUNDS = st.none() | st.integers(0, 2**52)
CURSORS = st.builds(
    Cursor,
    listing=st.sampled_from(Listing),
    window=st.builds(Window, BOUNDS, BOUNDS),
    after=st.none() | st.builds(Position, st.integers(0, 2**52), st.text("0123456789abcdef", min_size=16, max_size=16)),
    nonce=st.integers(0, 100),
)


@given(CURSORS)
def test_a_cursor_reads_back(cursor: Cursor) -> None:
    assert SEALER.unseal(SEALER.seal(cursor)) == cursor
    assert CursorSealer(b"key of the tests").unseal(SEALER.seal(cursor)) == cursor


@given(CURSORS, st.data())
def test_a_changed_cursor_is_refused(cursor: Cursor, data: st.DataObject) -> None:
    text = SEALER.seal(cursor)
    place = data.draw(st.integers(0, len(text) - 1))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ "
    changed = text[:place] + data.draw(st.sampled_from(alphabet.replace(text[place], ""))) + text[place + 1 :]
    with pytest.raises(InvalidCursorError):
        SEALER.unseal(changed)


@given(st.text(max_size=80) | st.binary(max_size=80).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidCursorError):
        SEALER.unseal(text)


@given(CURSORS)
def test_another_key_does_not_read_it(cursor: Cursor) -> None:
    with pytest.raises(InvalidCursorError):
        CursorSealer(b"another key").unseal(SEALER.seal(cursor))
