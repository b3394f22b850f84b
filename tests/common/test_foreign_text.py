"""Foreign text in our messages: no secret of ours, nothing that steers a terminal, whatever it is made of."""

from __future__ import annotations

import base64
import html
import json
import logging
import pickle
import re
import unicodedata
from collections.abc import Callable
from io import StringIO
from urllib.parse import quote, quote_plus

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from common.foreign_text import forget_secrets, harmless, in_one_line, keep_secret, spelt
from ingest import logs
from ingest.errors import AccessError, first_line
from orchestration.dbt.events import EventReader
from orchestration.runtime.told import harmless_request

SECRET = "s3cret/of+ours=%& 42"
AS_SENT: dict[str, Callable[[str], str]] = {
    "plain": str,
    "in a path": quote,
    "in a query": lambda text: quote(text, safe=""),
    "in a form": quote_plus,
    "lower-case escapes": lambda text: quote(text, safe="").replace("%2F", "%2f").replace("%2B", "%2b"),
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON of PHP": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "repr": lambda text: repr(text)[1:-1],
    "HTML": html.escape,
    "basic": lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
    "basic of another user": lambda text: base64.b64encode(f"u:{text}".encode()).decode(),
    "basic of a third": lambda text: base64.b64encode(f"us:{text}".encode()).decode(),
    "base64 of a URL": lambda text: base64.urlsafe_b64encode(f"k={text}&x=1".encode()).decode(),
}
secrets = st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp", "Zs")), min_size=8, max_size=40)


def steering(text: str) -> set[str]:
    """Return the characters of a text that have an effect other than being displayed."""
    return {
        letter
        for letter in text
        if (unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") and letter not in "\n\t")
        or unicodedata.bidirectional(letter) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    }


@settings(max_examples=200)
@given(st.text(), secrets, st.text(), st.sampled_from(sorted(AS_SENT)))
@example("", SECRET, "", "JSON of PHP")
@example("\x1b[31m", SECRET, "\x9b2J", "plain")
@example("\x9d", SECRET, "\x07", "plain")
@example("", r"000\n000", "", "plain")
@example("\x9b", "00000000", "@", "plain")
@example("\x1b", "00000000", "0", "plain")
def test_no_secret_of_ours_is_in_foreign_text(before: str, secret: str, after: str, form: str) -> None:
    forget_secrets()
    sent = AS_SENT[form](secret)
    unredacted = harmless(f"{before} {sent} {after}")
    keep_secret(secret)

    told = harmless(f"{before} {sent} {after}")

    # A sequence that steers a terminal may hold it, and is left out whole.
    assert "***" in told or sent not in unredacted
    assert sent.strip("=") not in told
    assert secret not in told
    assert harmless(told) == told


@settings(max_examples=200)
@given(st.text(st.one_of(st.characters(), st.sampled_from("\x1b[]\x07\x9b\x9d;m0\\\r\n\u202e\u2066\ud800"))))
@example("\x1b]0;title\x07after\x1b[2J\x1b(B\x1b]8;;http://x\x1b\\link\x9b31mred\u202edlrow")
def test_nothing_in_foreign_text_steers_a_terminal(text: str) -> None:
    assert steering(harmless(text)) == set()
    assert steering(spelt(text).replace("\r\n", "\n")) == set()
    assert "\n" not in in_one_line(text)


def test_what_is_told_is_still_told() -> None:
    keep_secret("postgresql://ingest:hunter2@db/shop", "abc", "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n")

    assert harmless('table "Straße 東京"\thas 3 rows\nof ingest, shop and postgres: hunter23') == (
        'table "Straße 東京"\thas 3 rows\nof ingest, shop and postgres: hunter23'
    )
    assert harmless("password 'hunter2', abc") == "password '***', abc"
    assert harmless("key MIIEvQIBADANBg") == "key ***"


@pytest.mark.parametrize(
    ("variable", "value", "secret"),
    [
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG", "wJalrXUtnFEMI/K7MDENG"),
        ("PGPASSWORD", "pgpgpg", "pgpgpg"),
        ("POSTGRES_DSN", "host=db password='a b\\'c' user=x", "a b'c"),
        ("SOMEBODYS_TOKEN", "of-somebody-else", "of-somebody-else"),
        ("HTTPS_PROXY", "http://me:proxy-pass@proxy:3128", "proxy-pass"),
        ("SNOWFLAKE_PRIVATE_KEY_PATH", "-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBg\\n", "MIIEvQIBADANBg"),
    ],
)
def test_what_the_environment_holds_is_secret(
    variable: str, value: str, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)

    assert secret not in harmless(f"they said: {secret}")
    assert secret not in str(AccessError(f"no: {secret}", hint=f"try {secret}"))


def test_what_only_identifies_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    assert harmless("see `.local/runs`, key local") == "see `.local/runs`, key local"


def test_a_message_an_error_s_first_line_and_a_pickled_error_are_harmless() -> None:
    keep_secret(SECRET)
    error = AccessError(f"said \x1b[31m{SECRET}", stream="a\x1b]0;x\x07b", hint=f"\u202e{SECRET}")

    for told in (str(error), error.message, str(error.hint), first_line(ValueError(f"{SECRET}\x9b1m\nmore"))):
        assert SECRET not in told
        assert steering(told) == set()
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - our own


def test_log_lines_of_every_logger_are_harmless() -> None:
    keep_secret(SECRET)
    out = StringIO()
    for style in ("json", "console"):
        logs.configure(style, stream=out)  # type: ignore[arg-type]
        logs.get_logger(stream="s").warning(f"x {SECRET}", error=f"\x1b]0;t\x07{SECRET}", rows=[SECRET], count=3)
    handler = logging.StreamHandler(out)
    logger = logging.getLogger("somebody.else")
    logger.addHandler(handler)
    try:
        logger.error("%s 100%%", f"\x1b[2J{SECRET}")
        fault = ValueError(f"\x9b1m{SECRET}")
        logger.error("failed", exc_info=(ValueError, fault, None))
    finally:
        logger.removeHandler(handler)

    written = out.getvalue()
    assert "ValueError: ***" in written
    assert "*** 100%" in written
    assert SECRET not in written
    # The console's own colours are left.
    assert steering(re.sub(r"\x1b\[[0-9;]*m", "", written)) == set()


def test_what_prefects_server_is_told_is_harmless() -> None:
    keep_secret(SECRET)
    bad = f"\x1b[31m{SECRET}"
    state = {"state": {"type": "FAILED", "message": bad, "data": {"blob": "gASV"}}, "force": False}
    bodies = [
        ("/api/flow_runs/x/set_state", state),
        ("/api/logs/", [{"message": bad, "level": 20}]),
        ("/api/artifacts/", {"data": [{"note": bad}], "description": bad}),
    ]
    for path, body in bodies:
        sent = harmless_request(httpx.Request("POST", f"http://server{path}", json=body))
        told = json.loads(sent.content)
        assert int(sent.headers["content-length"]) == len(sent.content)
        assert SECRET not in json.dumps(told)
        assert "\\u001b" not in json.dumps(told)
    assert json.loads(
        harmless_request(httpx.Request("POST", "http://s/api/flow_runs/x/set_state", json=state)).content
    )["state"]["data"] == {"blob": "gASV"}

    block = httpx.Request("POST", "http://server/api/block_documents/", json={"data": {"url": SECRET}})
    assert harmless_request(block) is block


def test_what_dbt_says_is_harmless(tmp_path: object) -> None:
    from pathlib import Path

    keep_secret(SECRET)
    reader = EventReader(Path(str(tmp_path)))
    line = {"info": {"name": "MainEncounteredError", "msg": f"\x1b[31m{SECRET}"}, "data": {}}

    assert str(reader.read(json.dumps(line))) == "DbtComplaint(message='***')"


def test_a_fault_s_traceback_is_harmless(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from ingest.terminal import fit_output

    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    keep_secret(SECRET)
    fit_output()
    fault = RuntimeError(f"\x1b[31m{SECRET}")
    sys.excepthook(RuntimeError, fault, None)

    told = capsys.readouterr().err
    assert told == "RuntimeError: ***\n"
