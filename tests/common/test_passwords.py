"""The passwords within connection strings: those that libpq takes, and those that it would not."""

from __future__ import annotations

from urllib.parse import quote

import psycopg2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from psycopg2.extensions import make_dsn, parse_dsn
from pydantic import SecretStr

from common.passwords import password_of, passwords_in
from ingest.errors import ConfigurationError
from ingest.sources.postgres.connection import Server

words = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=12)
fragments = st.lists(
    st.sampled_from(["postgresql://", "postgres://", "u", ":", "@", "/", "?", "#", "%40", "%", "[", "]", "::1", "5432"])
    | st.sampled_from(["password=", "host=", "port=", "'", "\\", " ", "=", "&", ",", "db", "sslmode=x", "hun ter2"])
    | words,
    max_size=12,
).map("".join)


@given(words, words)
@example("p", "it's \\ here")
def test_a_password_is_found_as_libpq_finds_it(user: str, password: str) -> None:
    as_options = make_dsn(user=user, password=password, host="h")
    as_url = f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@h:5432/db"
    in_query = f"postgresql://h/db?user=x&password={quote(password, safe='')}"
    for dsn in (as_options, as_url, in_query):
        assert parse_dsn(dsn)["password"] == password
        assert password_of(dsn) == password
        assert password in passwords_in(dsn)


@given(fragments)
@example("postgresql://u:p@ss/w@h/db")
@example("postgresql://u:[p@h/db")
@example("host=h password='x")
def test_any_text_is_a_connection_string_or_one_error_of_ours(text: str) -> None:
    password_of(text)
    passwords_in(text)
    try:
        Server(SecretStr(text))
    except ConfigurationError as error:
        assert "POSTGRES_DSN" in str(error)  # noqa: PT017 - most texts are refused, some are not
    else:
        assert parse_dsn(text) is not None
        assert password_of(text) == (parse_dsn(text).get("password") or None)


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://shop:hunter-2@[db/shop",
        "postgresql://shop@db:hunter-2/shop",
        "postgresql://shop:hunter-2@x@db/shop",
        "postgresql://shop:x/hunter-2@db/shop",
        "host=db port=hunter-2",
        "host=db password='hunter-2",
        "postgresql://db/shop?sslpassword=hunter-2",
    ],
)
def test_what_may_be_a_password_in_a_string_that_does_not_parse_is_found(dsn: str) -> None:
    assert any("hunter-2" in password for password in passwords_in(dsn))
    try:
        Server(SecretStr(dsn))
    except (ConfigurationError, psycopg2.Error) as error:
        assert "hunter-2" not in str(error)  # noqa: PT017
