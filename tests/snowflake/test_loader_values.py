"""Values and columns: each type lands as it is, and RAW gains the columns that a contract gains."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from ingest.errors import ConfigurationError
from ingest.lake.commit import columns_of
from tests.orchestration.lake_builder import AT, COLUMNS, LakeBuilder, contract, thing
from tests.snowflake.account import USERS_ACCOUNT, Account
from tests.snowflake.test_loader import load, raw_ids


def test_every_type_lands_as_it_is(account: Account, lake: LakeBuilder) -> None:
    of = contract(
        {
            "id": "bigint",
            "small": "smallint",
            "yes": "boolean",
            "ratio": "double precision",
            "price": "numeric(38,9)",
            "day": "date",
            "local_time": "timestamp",
            "updated_at": "timestamptz",
            "note": "text",
            "wide": "numeric",
        }
    )
    special = LakeBuilder(lake.store, of)
    moment = datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    row = {
        "id": 2**63 - 1,
        "small": -32768,
        "yes": False,
        "ratio": 0.1,
        "price": Decimal("-12345678901234567890123456789.123456789"),
        "day": date(1900, 2, 28),
        "local_time": moment.replace(tzinfo=None),
        "updated_at": moment,
        "note": "Grüße, 'quoted' \\ \"and\" 日本 🚚\n",
        "wide": "0.10",
    }
    special.data([row, {"id": 1, "updated_at": AT}])
    load(account, special)

    [empty, full] = account.rows(f"select {', '.join(row)} from raw.things order by id")
    assert empty == (1, None, None, None, None, None, None, AT, None, None)
    assert full == tuple(row.values())


def test_texts_land_as_they_are_also_those_that_mean_null_elsewhere(account: Account, lake: LakeBuilder) -> None:
    texts = [r"\N", r"\\N", "N", "NULL", "null", "None", "NaN", "NA", "\\", " ", " padded ", "\t", "''", "()"]
    special = LakeBuilder(lake.store, contract({"id": "bigint", "note": "text", "updated_at": "timestamptz"}))
    special.data([{"id": at, "note": text, "updated_at": AT} for at, text in enumerate(texts)])
    load(account, special)

    assert [row[0] for row in account.rows("select note from raw.things order by id")] == texts


def test_an_empty_text_lands_as_it_is(account: Account, lake: LakeBuilder) -> None:
    """Snowflake documents an error for it. In that case the load fails, and no value is altered (docs/SNOWFLAKE.md)."""
    lake.data([thing(1, "")])
    load(account, lake)

    assert account.rows("select name from raw.things") == [("",)]


def test_bytes_land_as_they_are(account: Account, lake: LakeBuilder) -> None:
    if "SNOWFLAKE_HOST" in USERS_ACCOUNT:
        pytest.skip("an emulator of the user's own may not read binary columns of Parquet")
    special = LakeBuilder(lake.store, contract({"id": "bigint", "body": "bytea", "updated_at": "timestamptz"}))
    bodies = [b"", b"\x00\xff'\\", bytes(range(256))]
    special.data([{"id": at, "body": body, "updated_at": AT} for at, body in enumerate(bodies)])
    load(account, special)

    assert [bytes(row[0]) for row in account.rows("select body from raw.things order by id")] == bodies  # type: ignore[call-overload]


class TestColumns:
    def test_a_new_column_of_the_contract_is_added_and_older_rows_have_none(
        self, account: Account, lake: LakeBuilder
    ) -> None:
        lake.data([thing(1)])
        load(account, lake)
        wider = contract({**COLUMNS, "Color of it": "text"})
        LakeBuilder(lake.store, wider).data([{**thing(2), "Color of it": "blue"}], columns=columns_of(wider))
        result = load(account, lake, wider)

        assert result.added_columns == ("Color of it",)
        assert account.rows('select id, "COLOR OF IT" from raw.things order by id') == [(1, None), (2, "blue")]

    def test_what_the_source_added_before_the_contract_is_taken_too(self, account: Account, lake: LakeBuilder) -> None:
        wider = contract({**COLUMNS, "tier": "text", "price": "numeric(14,2)"})
        LakeBuilder(lake.store, wider).data([{**thing(1, price="123456789012.34"), "tier": "gold"}],
                                            columns=columns_of(wider))  # fmt: skip
        result = load(account, lake)

        assert (result.added_columns, result.widened_columns) == (("tier",), ("price: NUMBER(12,2) to NUMBER(14,2)",))
        assert account.rows("select price, tier from raw.things") == [(Decimal("123456789012.34"), "gold")]

    def test_rows_that_copy_would_round_are_never_copied(self, account: Account, lake: LakeBuilder) -> None:
        """COPY validates no conversion of Parquet: what a version's files hold is compared with the table before."""
        lake.data([thing(1)])
        load(account, lake)
        finer = contract({**COLUMNS, "price": "numeric(12,4)"})
        LakeBuilder(lake.store, finer).data([thing(2, price="1.2345")], columns=columns_of(finer))

        with pytest.raises(ConfigurationError, match=r"NUMBER\(12,2\) in RAW\.things, and NUMBER\(12,4\) in version 2"):
            load(account, lake)
        assert raw_ids(account) == [1]

    @pytest.mark.parametrize(
        ("type_", "told"),
        [
            ("text", "column 'price' is NUMBER(12,2) in RAW.things, and VARCHAR in contract version 1.0.0"),
            ("numeric(14,4)", "column 'price' is NUMBER(12,2) in RAW.things, and NUMBER(14,4) in contract"),
        ],
    )
    def test_a_type_that_snowflake_cannot_change_is_refused_with_the_way_out(
        self, account: Account, lake: LakeBuilder, type_: str, told: str
    ) -> None:
        lake.data([thing(1)])
        load(account, lake)

        with pytest.raises(ConfigurationError) as caught:
            load(account, lake, contract({**COLUMNS, "price": type_}))
        assert told in str(caught.value)
        assert "python -m orchestration.warehouse reload things" in str(caught.value)
        assert raw_ids(account) == [1]
