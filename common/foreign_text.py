"""Foreign text in our messages: responses of APIs, errors of drivers, dbt's messages, names in a source.

`harmless` is the one place where foreign text becomes part of a message, a log line or an artifact. It removes control
sequences and every secret of this process, in any encoding in which a program may send it back.
"""

from __future__ import annotations

import base64
import html
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from urllib.parse import unquote, urlsplit

from common.environment import CONNECTION_STRINGS, PLACEHOLDERS, SECRETS
from common.passwords import passwords_in

REDACTED = "***"

_SHORTEST = 4
"""A shorter secret is part of too many words to be taken out of a text."""
_SURE = 8
"""From this length on, a secret is taken out within words too."""
_SEQUENCES = re.compile(
    # Commands that contain text (title, link, clipboard), to their end; CSI sequences; other escapes.
    r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"
    # A redacted secret is no part of these.
    r"|(?:\x1b\[|\x9b)[0-?]*(?:(?!\*\*\*)[ -/])*[@-~]"
    r"|\x1b(?:(?!\*\*\*)[ -/])*[0-~]"
)
_STEERING = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and line feed, and C1
    r"\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
"""What steers a terminal, turns its writing round, or is not seen at all."""
_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_LONE_RETURN = re.compile(r"\r(?!\n)")
_NOT_PLAIN = re.compile(rf"(?!\r\n){_STEERING.pattern}|[\ud800-\udfff\u2028\u2029]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_OF_SECRETS = re.compile(
    r"PASSW(OR)?D|PASSPHRASE|SECRET|TOKEN|API_?KEY|ADMIN_KEY|ACCESS_KEY|PRIVATE_KEY|_SALT|AUTH_STRING|WEBHOOK"
)
"""Names of variables that hold secrets, of whatever program: this process' children and libraries have theirs too."""
_OF_PLACES = re.compile(r"(_PATH|_FILE|_DIR|_ID|_ENABLED|_TYPE)$")

_kept: dict[str, None] = {}


def keep_secret(*values: str | None) -> None:
    """Register values to be removed from every text from now on.

    Of connection strings and URLs, register the passwords.
    """
    for value in values:
        _kept.update(dict.fromkeys(_secrets_of(value)) if value else {})


def forget_secrets() -> None:
    """Forget the values that `keep_secret` was given. Secrets in the environment are still removed."""
    _kept.clear()


def harmless(text: object) -> str:
    """Return `text` without control sequences, and with `***` for each secret of this process. It is idempotent.

    Line feeds and tabs stay. Secrets are found unchanged, percent-encoded, escaped (JSON, HTML, backslashes), and in
    base64, even if other bytes were encoded with them. A secret of less than 8 characters is found only as a word of
    its own, and one of less than 4 not at all.
    """
    told = redacted(str(text))  # as it was sent, and
    plain = steady(told)  # as it is displayed
    return told if plain == told else redacted(plain)


def in_one_line(text: object) -> str:
    """Return `harmless(text)` with each run of white space as a single blank."""
    return " ".join(harmless(text).split())


def steady(text: str) -> str:
    """Return `text` without control characters (except tab and line feed), terminal sequences, and changes of
    direction.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _LINE_ENDS.sub("\n", _SEQUENCES.sub("", text))
    return _SURROGATES.sub("\ufffd", _STEERING.sub("", text))


def spelt(text: str) -> str:
    """Return `text` with control characters and changes of direction as escapes, for a value that must be shown
    exactly.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _LONE_RETURN.sub(r"\\r", text)
    return _NOT_PLAIN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def redacted(text: str) -> str:
    """Return `text` with `***` for each secret of this process."""
    forms = _forms()
    if not forms:
        return text
    decodings = [*_decodings(text)]
    for form in forms:
        if any(map(form.is_in, decodings)):
            text = form.pattern.sub(REDACTED, text)
    return text


@dataclass(frozen=True)
class _Form:
    """The spellings of a secret in a text. `signs` are searched first, because most texts contain none of them."""

    secret: str
    signs: tuple[str, ...]

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The pattern of the text to replace.

        It is long, so it is built when a text first contains a sign of the secret.
        """
        spelt = "".join(map(_letter, self.secret))
        if len(self.secret) < _SURE:
            return re.compile(rf"(?<!\w){spelt}(?!\w)")
        coded = "|".join(re.escape(core) for core in self.signs[1:])
        return re.compile(rf"{spelt}|[\w+/\-]*(?:{coded})[\w+/\-]*=*", re.ASCII)

    def is_in(self, text: str) -> bool:
        return any(sign in text for sign in self.signs)


@dataclass(frozen=True)
class _Found:
    """The forms of all secrets, and the values and variables that they were found in."""

    kept: tuple[str, ...]
    variables: dict[bytes, bytes]
    forms: tuple[_Form, ...]


_found = _Found((), {}, ())


def _forms() -> tuple[_Form, ...]:
    """Return the forms of all present secrets, the longest secret first, because a shorter one may be part of it."""
    global _found
    # The encoded variables, because os.environ decodes each one at each access, and a run reads thousands of lines.
    kept, variables, found = tuple(_kept), os.environ._data, _found  # type: ignore[attr-defined]
    if found.kept != kept or found.variables != variables:
        secrets = sorted({*kept, *_of_environment()}, key=len, reverse=True)
        found = _found = _Found(kept, variables.copy(), tuple(map(_form, secrets)))
    return found.forms


@lru_cache(maxsize=512)
def _form(secret: str) -> _Form:
    return _Form(secret, (secret, *(_cores(secret) if len(secret) >= _SURE else ())))


def _letter(letter: str) -> str:
    """Return a pattern for a character in any of its spellings."""
    units = letter.encode("utf-16-be", "surrogatepass").hex()
    json_escape = "".join(rf"\\u(?i:{units[at : at + 4]})" for at in range(0, len(units), 4))
    percent = "".join(f"%(?i:{byte:02x})" for byte in letter.encode("utf-8", "surrogatepass"))
    spellings = [json_escape, percent, rf"\\U(?i:{ord(letter):08x})", re.escape(letter)]
    if letter in "&<>\"'":
        spellings += [re.escape(html.escape(letter)), f"&#x?0*(?i:{ord(letter)}|{ord(letter):x});"]
    if letter.isascii() and not letter.isalnum():
        spellings += [rf"\\x(?i:{ord(letter):02x})", rf"\\{re.escape(letter)}"]
    if letter == " ":
        spellings += [r"\+"]
    # The longest form first, because a backslash also begins other forms.
    return f"(?:{'|'.join(sorted(spellings, key=len, reverse=True))})"


def _cores(secret: str) -> Iterator[str]:
    """Yield the base64 characters that depend on the secret alone, for each of its possible offsets in the encoded
    bytes.
    """
    data = secret.encode("utf-8", "surrogatepass")
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + data).decode()
        core = coded[(before * 8 + 5) // 6 : (before + len(data)) * 8 // 6]
        yield core
        yield core.replace("+", "-").replace("/", "_")


_ESCAPES = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|U(0[0-9a-fA-F]{7})|(.))", re.DOTALL)


def _unescaped(found: re.Match[str]) -> str:
    if found[4] is not None:
        return found[4]
    point = int(found[1] or found[2] or found[3], 16)
    return chr(point) if point <= sys.maxunicode else found[0]


def _decodings(text: str) -> Iterator[str]:
    """Yield `text` unchanged, and decoded from each encoding that it may have."""
    yield text
    if "\\" in text:
        yield _ESCAPES.sub(_unescaped, text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if "&" in text:
        yield html.unescape(text)
    if "%" in text:
        yield unquote(text)
    if "+" in text:
        yield unquote(text.replace("+", " "))


def _of_environment() -> Iterable[str]:
    return _secrets_of_variables(tuple(os.environ.items()))


@lru_cache(maxsize=4)
def _secrets_of_variables(variables: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for name, value in variables:
        if _OF_PLACES.search(name) and "PRIVATE KEY-----" not in value:
            continue
        if name in SECRETS or name in CONNECTION_STRINGS or _is_secret(name, value):
            found.update(dict.fromkeys(_secrets_of(value)))
        elif "://" in value and "@" in value:
            found.update(dict.fromkeys(_worth(passwords_in(value))))
    return tuple(found)


def _is_secret(name: str, value: str) -> bool:
    """Return whether an unknown variable holds a secret, or holds a key instead of the path to it."""
    if "PRIVATE KEY-----" in value:
        return True
    return bool(_OF_SECRETS.search(name)) and not _OF_PLACES.search(name) and len(value) >= _SURE


def _secrets_of(value: str) -> Iterator[str]:
    """Yield the secret parts of a setting's value: a connection string's passwords, a webhook's path, a key's lines."""
    if "://" in value:
        yield from _worth(passwords_in(value))
        if value.startswith(("http://", "https://")):
            yield from _worth(_behind_the_host(value))
        return
    if "=" in value and (passwords := passwords_in(value)):
        yield from _worth(passwords)
        if re.search(r"\b(host|dbname|user)\s*=", value):
            return
    if re.fullmatch(r"[^:\s]+:\S+", value):
        yield from _worth([value.partition(":")[2]])  # the password of a login `name:password`
    lines = [line.strip() for line in value.replace("\\n", "\n").splitlines()]
    yield from _worth([value, value.strip(), *(lines if len(lines) > 1 else [])])


def _behind_the_host(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    rest = f"{parts.path}{'?' if parts.query else ''}{parts.query}".strip("/")
    yield rest
    yield from (part for part in parts.path.split("/") if len(part) >= _SURE)


def _worth(values: Iterable[str]) -> Iterator[str]:
    """Yield the values that must be hidden: long enough, no header of a key, and no short word of the demo's
    secrets.
    """
    for value in values:
        known = value in PLACEHOLDERS and len(value) < _SURE
        if len(value) >= _SHORTEST and not known and not value.startswith("-----"):
            yield value
