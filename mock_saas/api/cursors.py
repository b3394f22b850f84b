"""Opaque page cursors: a listing, a window and a position in it, sealed against forgery."""

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from hmac import compare_digest

import orjson

from mock_saas.windows import Position, Window

_SEAL_BYTES = 12


class Listing(StrEnum):
    """The listings that a cursor may belong to."""

    CAMPAIGNS = "campaigns"
    EVENTS = "events"


class InvalidCursorError(ValueError):
    """The text is not a cursor of this provider."""


@dataclass(frozen=True)
class Cursor:
    """The place at which a walk continues: after the position ``after`` (None: at the start) in the window of a
    listing.

    ``nonce`` makes two cursors to the same place different, as the page faults need them.
    """

    listing: Listing
    window: Window
    after: Position | None
    nonce: int = 0


class CursorSealer:
    """Encodes cursors as text, and decodes them.

    Args:
        key: a process with the same key reads another's cursors, so that cursors survive a restart.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, cursor: Cursor) -> str:
        """Return the cursor as URL-safe text."""
        after = cursor.after
        body = orjson.dumps(
            [
                cursor.listing.value,
                cursor.window.from_us,
                cursor.window.until_us,
                [after.us, after.identifier] if after else None,
                cursor.nonce,
            ]
        )
        return base64.urlsafe_b64encode(self._seal_of(body) + body).rstrip(b"=").decode()

    def unseal(self, text: str) -> Cursor:
        """Return the cursor that :meth:`seal` encoded.

        Raises:
            InvalidCursorError: :meth:`seal` did not write exactly this text.
        """
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error) as error:
            raise InvalidCursorError("not a cursor of this API") from error
        seal, body = sealed[:_SEAL_BYTES], sealed[_SEAL_BYTES:]
        if not compare_digest(seal, self._seal_of(body)):
            raise InvalidCursorError("not a cursor of this API, or changed since")
        listing, from_us, until_us, after, nonce = orjson.loads(body)
        cursor = Cursor(Listing(listing), Window(from_us, until_us), Position(*after) if after else None, nonce)
        if self.seal(cursor) != text:
            # Base64 has several spellings of the same bytes. Only ours is a cursor.
            raise InvalidCursorError("not a cursor of this API, or changed since")
        return cursor

    def _seal_of(self, body: bytes) -> bytes:
        return blake2b(body, key=self._key, digest_size=_SEAL_BYTES).digest()
