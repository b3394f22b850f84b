"""`ingest doctor` on a bucket: it passes as Terraform makes it, and names each broken setting and right, and
no other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import boto3
import pytest

from ingest.doctor.examination import checks
from ingest.doctor.writing import Writing
from ingest.errors import AccessError
from ingest.findings import Finding, examine
from ingest.settings import IngestSettings
from tests.ingest.doctor.lake_account import (
    LakeAccount,
    bucket_policy,
    put_rules,
    rule,
    rules,
    set_up,
    writer_statements,
)

BUCKET = "lake-of-the-doctor"
WELL = dict.fromkeys(
    (
        "bucket: reached",
        "bucket: clock",
        "bucket: versioning",
        "bucket: public access",
        "bucket: owner of objects",
        "bucket: encryption",
        "bucket: TLS",
        "bucket: commits",
        "bucket: lifecycle of data and log",
        "bucket: lifecycle of leftovers",
    ),
    True,
)


def found_of(account: LakeAccount, *, role_arn: str | None = None, **lake: str) -> dict[str, Finding]:
    settings = IngestSettings(lake=account.lake.model_copy(update=lake))
    return {finding.check: finding for finding in examine(checks(settings, [], role_arn=role_arn))}


def verdicts(found: Mapping[str, Finding], family: str) -> dict[str, bool | None]:
    return {name: finding.ok for name, finding in found.items() if name.startswith(f"{family}:")}


def test_a_bucket_as_terraform_makes_it_is_well(account: LakeAccount) -> None:
    assert verdicts(found_of(account), "bucket") == WELL


def expires(prefix: str) -> list[dict[str, Any]]:
    return [*rules(), rule("expires", prefix, Expiration={"Days": 30})]


def policy(**changed: str) -> Callable[[Any], object]:
    return lambda s3: s3.put_bucket_policy(Bucket=BUCKET, Policy=bucket_policy(BUCKET, **changed))


BROKEN: dict[str, tuple[Callable[[Any], object], set[str], str]] = {
    "versioning suspended": (
        lambda s3: s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"}),
        {"bucket: versioning"},
        "Suspended",
    ),
    "no public access block": (
        lambda s3: s3.delete_public_access_block(Bucket=BUCKET),
        {"bucket: public access"},
        "BlockPublicAcls",
    ),
    "one way open": (
        lambda s3: s3.put_public_access_block(
            Bucket=BUCKET, PublicAccessBlockConfiguration={"BlockPublicAcls": True, "IgnorePublicAcls": True}
        ),
        {"bucket: public access"},
        "not BlockPublicPolicy, RestrictPublicBuckets",
    ),
    "no ownership controls": (
        lambda s3: s3.delete_bucket_ownership_controls(Bucket=BUCKET),
        {"bucket: owner of objects"},
        "not set",
    ),
    "no encryption": (lambda s3: s3.delete_bucket_encryption(Bucket=BUCKET), {"bucket: encryption"}, "not set"),
    "no policy": (lambda s3: s3.delete_bucket_policy(Bucket=BUCKET), {"bucket: TLS", "bucket: commits"}, "no policy"),
    "a policy that allows": (policy(effect="Allow"), {"bucket: TLS", "bucket: commits"}, "no statement"),
    "a policy that denies TLS": (policy(secure="true"), {"bucket: TLS"}, "no statement"),
    "a policy that denies what keeps commits": (policy(absent="false"), {"bucket: commits"}, "does not deny"),
    "a policy of another name": (policy(commits="_latest"), {"bucket: commits"}, "_log/orders/_latest.json are denied"),
    "a policy of the whole log": (policy(commits="*"), {"bucket: commits"}, "_read.json, _log/orders/_counted.json"),
    "a policy of shorter names": (policy(commits="0?"), {"bucket: commits"}, "does not deny"),
    "events expire": (
        lambda s3: put_rules(s3, BUCKET, *expires("events/")),
        {"bucket: lifecycle of data and log"},
        "events/",
    ),
    "everything expires": (
        lambda s3: put_rules(s3, BUCKET, *expires("")),
        {"bucket: lifecycle of data and log"},
        "_log/, events/, inventory/",
    ),
    "one stream of the log expires": (
        lambda s3: put_rules(s3, BUCKET, *expires("_log/orders/")),
        {"bucket: lifecycle of data and log"},
        "_log/",
    ),
    "old versions stay": (
        lambda s3: put_rules(s3, BUCKET, rules()[1]),
        {"bucket: lifecycle of leftovers"},
        "old versions",
    ),
    "no lifecycle": (
        lambda s3: s3.delete_bucket_lifecycle(Bucket=BUCKET),
        {"bucket: lifecycle of leftovers"},
        "old versions and broken uploads",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_setting_is_named_and_the_other_checks_go_on(account: LakeAccount, name: str) -> None:
    break_it, broken, said = BROKEN[name]
    break_it(account.s3)
    try:
        found = found_of(account)
    finally:
        set_up(account.s3, BUCKET)

    assert verdicts(found, "bucket") == WELL | dict.fromkeys(broken, False)
    assert any(said in found[check].seen for check in broken)
    assert all("terraform apply" in found[check].advice for check in broken)


def test_a_bucket_that_is_elsewhere_or_nowhere_is_a_finding_of_each_check(account: LakeAccount) -> None:
    nowhere = found_of(account, bucket="there-is-no-such-bucket")
    elsewhere = found_of(account, region="eu-west-1")

    assert set(verdicts(nowhere, "bucket").values()) == {False}
    assert "there is no bucket" in nowhere["bucket: reached"].seen
    assert elsewhere["bucket: reached"].advice == "Set AWS_REGION=eu-central-1."


WRITER = {
    "writer: put if absent": True,
    "writer: write over a commit": True,
    "writer: delete in _log/": True,
    "writer: delete in events/": True,
    "writer: delete in inventory/": True,
    "writer: delete in _quarantine/": True,
    "writer: delete in _keys/": True,
    "writer: write elsewhere": True,
}


@pytest.fixture
def as_administrator(account: LakeAccount, monkeypatch: pytest.MonkeyPatch) -> LakeAccount:
    boto3.client("sts", region_name="eu-central-1")  # a session that remembers other credentials
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", account.administrator.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", account.administrator.secret_access_key)
    return account


def test_the_writer_s_role_can_do_what_it_must_and_nothing_else(as_administrator: LakeAccount) -> None:
    account = as_administrator
    with account.enforced():
        as_writer = found_of(account, role_arn=account.role_arn)
        as_oneself = found_of(account)

    assert verdicts(as_writer, "writer") == WRITER
    left = re.search(r"(_runs/\S+) is left, and expires", as_writer["writer: put if absent"].seen)
    assert left is not None  # the writer may not delete it
    # An administrator may do everything, and leaves nothing.
    assert verdicts(as_oneself, "writer") == dict.fromkeys(WRITER, False) | {"writer: put if absent": True}
    assert [item["Key"] for item in account.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])] == [left[1]]


@pytest.mark.parametrize(
    ("action", "place", "check"),
    [
        ("s3:DeleteObject", "_log/*", "writer: delete in _log/"),
        ("s3:DeleteObject", "events/*", "writer: delete in events/"),
        ("s3:DeleteObject", "inventory/*", "writer: delete in inventory/"),
        ("s3:DeleteObject", "_quarantine/*", "writer: delete in _quarantine/"),
        ("s3:PutObject", "*", "writer: write elsewhere"),
    ],
)
def test_a_right_too_many_is_named(as_administrator: LakeAccount, action: str, place: str, check: str) -> None:
    account = as_administrator
    extra = {"Effect": "Allow", "Action": action, "Resource": f"arn:aws:s3:::{BUCKET}/{place}"}
    account.allow_the_writer(*writer_statements(BUCKET), extra)
    try:
        with account.enforced():
            found = found_of(account, role_arn=account.role_arn)
    finally:
        account.allow_the_writer(*writer_statements(BUCKET))

    assert verdicts(found, "writer") == WRITER | {check: False}
    assert "ingest-writer" in found[check].advice


def test_a_commit_that_was_damaged_or_deleted_is_there_again_without_its_newest_version(account: LakeAccount) -> None:
    """As docs/RUNBOOK.md restores it, without writing."""
    key = {"Bucket": BUCKET, "Key": "_log/orders/00000000000000000012.json"}
    with account.without_its_policy():
        account.s3.put_object(**key, Body=b"{}", IfNoneMatch="*")
        for damage in (lambda: account.s3.put_object(**key, Body=b"half"), lambda: account.s3.delete_object(**key)):
            newest = damage()["VersionId"]
            account.s3.delete_object(**key, VersionId=newest)
            assert account.s3.get_object(**key)["Body"].read() == b"{}"
        account.s3.delete_object(**key)


def test_a_bucket_whose_commits_can_be_written_over_is_named(as_administrator: LakeAccount) -> None:
    account = as_administrator
    account.allow_the_writer(*writer_statements(BUCKET)[1:])
    try:
        with account.enforced():
            found = [found_of(account, role_arn=account.role_arn) for _ in range(2)]
    finally:
        account.allow_the_writer(*writer_statements(BUCKET))
    with account.without_its_policy():
        left = [item["Key"] for item in account.s3.list_objects_v2(Bucket=BUCKET, Prefix="_log/")["Contents"]]
        account.s3.delete_object(Bucket=BUCKET, Key=left[0])

    assert [verdicts(each, "writer") for each in found] == [WRITER | {"writer: write over a commit": False}] * 2
    assert "terraform apply" in found[0]["writer: write over a commit"].advice
    assert left == ["_log/__doctor/00000000000000000000.json"]  # the writer may not delete it, and no more of them come


def test_a_right_too_few_is_named(as_administrator: LakeAccount) -> None:
    account = as_administrator
    account.allow_the_writer(*writer_statements(BUCKET)[:2])
    try:
        with account.enforced():
            found = found_of(account, role_arn=account.role_arn)
    finally:
        account.allow_the_writer(*writer_statements(BUCKET))

    assert verdicts(found, "writer") == WRITER | {"writer: put if absent": False}
    assert "S3 refuses to write" in found["writer: put if absent"].seen


def test_settings_that_the_writer_may_not_read_are_not_looked_at_and_no_fault(
    account: LakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = account.aws.assume(account.role_arn)
    for name, value in writer.environment.items():
        monkeypatch.setenv(name, value)
    with account.enforced():
        found = found_of(account)

    not_judged_by_moto = {"bucket: public access", "bucket: owner of objects", "bucket: encryption"}
    assert {name: ok for name, ok in verdicts(found, "bucket").items() if name not in not_judged_by_moto} == {
        "bucket: reached": True,
        "bucket: clock": True,
        "bucket: versioning": None,
        "bucket: TLS": None,
        "bucket: commits": None,
        "bucket: lifecycle of data and log": None,
        "bucket: lifecycle of leftovers": None,
    }
    assert verdicts(found, "writer") == WRITER


def test_a_role_that_cannot_be_taken_on_is_bad_input(account: LakeAccount) -> None:
    with pytest.raises(AccessError, match="cannot take on no-arn: ParamValidationError"):
        found_of(account, role_arn="no-arn")


class ForgetfulS3:
    """An S3 server that ignores If-None-Match, as some servers did."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def put_object(self, *, IfNoneMatch: str, **request: object) -> object:
        return self._real.put_object(**request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def test_an_s3_that_does_not_honour_put_if_absent_is_named(account: LakeAccount) -> None:
    writing = Writing(ForgetfulS3(account.s3), account.lake)  # type: ignore[arg-type]
    with account.without_its_policy():
        found = {finding.check: finding for finding in examine(writing.checks())}

    assert found["writer: put if absent"].ok is False
    assert "Do not use it" in found["writer: put if absent"].advice
