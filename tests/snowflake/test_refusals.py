"""What Snowflake refuses for a reason that the user must mend: a message with the way to do it, and exit code 2."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from ingest.errors import AccessError, ConfigurationError
from local.snowflake.account import integration_of
from tests.orchestration.lake_builder import contract
from tests.snowflake.account import not_shown_here
from tests.snowflake.bad_day import BadDay
from tests.snowflake.statement_proxy import Refused

ROLE, WAREHOUSE = "DP_MAILBLAZE_DEMO_DEV_LOADER", "DP_MAILBLAZE_DEMO_DEV_LOAD_WH"

REFUSALS = {
    "a table that the role may not insert into": (
        r"^COPY",
        Refused(3001, "42501", "SQL access control error:\nInsufficient privileges to operate on table 'THINGS'"),
        AccessError,
        [f"role {ROLE} lacks INSERT on table", rf"GRANT INSERT ON TABLE \w+\.RAW\.THINGS TO ROLE {ROLE};"],
    ),
    "a ledger that the role may not insert into": (
        r"^INSERT INTO \S*_LOADS",
        Refused(3001, "42501", "SQL access control error:\nInsufficient privileges to operate on table '_LOADS'"),
        AccessError,
        [f"role {ROLE} lacks INSERT on table", rf"GRANT INSERT ON TABLE \w+\.RAW\._LOADS TO ROLE {ROLE};"],
    ),
    "a table that the role may not see": (
        r"^COPY",
        Refused(2003, "02000", "SQL compilation error:\nTable 'DB.RAW.THINGS' does not exist or not authorized."),
        AccessError,
        ["there is no table DB.RAW.THINGS", f"GRANT INSERT ON TABLE DB.RAW.THINGS TO ROLE {ROLE};"],
    ),
    "a schema that the role may not use": (
        r"^SELECT count",
        Refused(2003, "02000", "SQL compilation error:\nSchema 'DB.RAW' does not exist or not authorized."),
        AccessError,
        ["there is no schema DB.RAW", f"GRANT USAGE ON SCHEMA DB.RAW TO ROLE {ROLE};"],
    ),
    "a database that the role may not use": (
        r"^SELECT count",
        Refused(
            90105,
            "22000",
            "Cannot perform SELECT. This session does not have a current database. Call 'USE DATABASE', or use a "
            "qualified name.",
        ),
        AccessError,
        [rf"GRANT USAGE ON DATABASE \w+ TO ROLE {ROLE};"],
    ),
    "no stage": (
        r"^COPY",
        Refused(2003, "02000", "SQL compilation error:\nStage 'DB.RAW.STG_S3_RAW' does not exist or not authorized."),
        AccessError,
        ["there is no stage DB.RAW.STG_S3_RAW", f"GRANT USAGE ON STAGE DB.RAW.STG_S3_RAW TO ROLE {ROLE};"],
    ),
    "a stage that the role may not use": (
        r"^COPY",
        Refused(3001, "42501", "SQL access control error:\nInsufficient privileges to operate on stage 'STG_S3_RAW'"),
        AccessError,
        ["lacks USAGE on stage", rf"GRANT USAGE ON STAGE \w+\.RAW\.STG_S3_RAW TO ROLE {ROLE};"],
    ),
    "an integration that does not allow the bucket": (
        r"^COPY",
        Refused(
            3127,
            "42601",
            "SQL compilation error:\nLocation 's3://other/' is not allowed by integration DP_INT. Please use DESC "
            "INTEGRATION to check out allowed and blocked locations.",
        ),
        ConfigurationError,
        ["s3://other/", "STORAGE_ALLOWED_LOCATIONS"],
    ),
    "a role in AWS that does not trust Snowflake": (
        r"^COPY",
        Refused(
            3167,
            "42601",
            "Error assuming AWS_ROLE:\nUser: arn:aws:iam::1:user/x is not authorized to perform: sts:AssumeRole on "
            "resource: arn:aws:iam::2:role/dp",
        ),
        AccessError,
        ["sts:AssumeRole", "external id"],
    ),
    "a bucket that the assumed role may not read": (
        r"^COPY",
        Refused(
            91003,
            "55000",
            "Failure using stage area. Cause: [Access Denied (Status Code: 403; Error Code: AccessDenied)]",
        ),
        AccessError,
        ["Access Denied", "s3:GetObject"],
    ),
    "a warehouse whose monitor has used its quota up": (
        r"^COPY",
        Refused(
            90073,
            "22000",
            f"Warehouse '{WAREHOUSE}' cannot be resumed because resource monitor 'DP_MONITOR' has exceeded its quota.",
        ),
        ConfigurationError,
        [WAREHOUSE, "resource monitor 'DP_MONITOR'", "quota"],
    ),
    "a warehouse that is suspended and does not resume": (
        r"^COPY",
        Refused(
            608,
            "57P03",
            f"Warehouse '{WAREHOUSE}' is suspended.  Use 'alter warehouse {WAREHOUSE} resume;' command if you need to "
            "use it again.",
        ),
        ConfigurationError,
        [f"warehouse {WAREHOUSE} is suspended", f"ALTER WAREHOUSE {WAREHOUSE} SET AUTO_RESUME = TRUE;"],
    ),
    "a statement that takes too long": (
        r"^COPY",
        Refused(
            630, "57014", "Statement reached its statement or warehouse timeout of 3,600 second(s) and was canceled."
        ),
        ConfigurationError,
        [r"COPY INTO", "3,600 second", "SNOWFLAKE_STATEMENT_TIMEOUT_SECONDS"],
    ),
    "no warehouse": (
        r"^COPY",
        Refused(
            606,
            "57P03",
            "No active warehouse selected in the current session.  Select an active warehouse with the 'use "
            "warehouse' command.\n",
        ),
        AccessError,
        [f"GRANT USAGE ON WAREHOUSE {WAREHOUSE} TO ROLE {ROLE};"],
    ),
}


def test_what_the_user_must_mend_is_said_with_the_way_to_do_it(day: BadDay, subtests: pytest.Subtests) -> None:
    for case, (pattern, refusal, expected, words) in REFUSALS.items():
        with subtests.test(case):
            table = day.stream.upper()
            day.proxy.on(pattern, replace(refusal, message=refusal.message.replace("THINGS", table)))

            with pytest.raises(expected) as raised:
                day.load()

            said = str(raised.value)
            assert said.startswith(f"{day.stream}: ")
            assert "\n" not in said
            assert [word for word in words if not re.search(word.replace("THINGS", table), said)] == [], said
            assert raised.value.exit_code == 2
            assert day.loaded() == [1]
    day.finish()


@pytest.mark.parametrize(
    "right",
    [
        "USAGE ON STAGE {db}.RAW.STG_S3_RAW",
        "USAGE ON INTEGRATION {integration}",
        "USAGE ON SCHEMA {db}.RAW",
        "USAGE ON DATABASE {db}",
    ],
)
def test_the_grant_that_a_message_ends_with_mends_it(day: BadDay, right: str) -> None:
    integration = integration_of(day.account.lake_settings.bucket)
    day.account.run(f"REVOKE {right.format(db=day.account.database, integration=integration)} FROM ROLE {ROLE}")
    try:
        day.load(patience=0)
    except AccessError as error:
        grants = re.findall(r"GRANT [^;]+", str(error))
    else:
        not_shown_here("this account records privileges and does not enforce them")

    assert grants
    day.account.run(*grants)
    day.finish()


def test_a_type_of_another_family_is_refused_with_the_way_out(day: BadDay) -> None:
    columns = {"id": "bigint", "name": "bigint", "price": "numeric(12,2)", "updated_at": "timestamptz"}
    changed = contract(columns, stream=day.stream, deletes="none")

    with pytest.raises(
        ConfigurationError, match=rf"{day.stream}: column 'name' is VARCHAR.*warehouse reload {day.stream}"
    ) as raised:
        day.load(changed)

    assert raised.value.exit_code == 2
    assert day.loaded() == [1]
    day.finish()
