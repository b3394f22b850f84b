"""Checks of the bucket's settings, as terraform/modules/raw_lake makes them.

To read these settings takes more rights than the lake's writer has.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from ingest.doctor.clocks import skew_seen
from ingest.findings import Check, NotSeenError, Seen, wrong
from ingest.lake import layout
from ingest.lake.objects.s3 import s3_errors
from ingest.settings import LakeSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MADE_BY_TERRAFORM = "`terraform apply` sets it."
_NOT_SET = {
    "NoSuchPublicAccessBlockConfiguration",
    "ServerSideEncryptionConfigurationNotFoundError",
    "NoSuchBucketPolicy",
    "NoSuchLifecycleConfiguration",
    "OwnershipControlsNotFoundError",
}
_DENIED = {"AccessDenied", "403"}
_ENCRYPTED = {"AES256", "aws:kms", "aws:kms:dsse"}
_KEPT_FOR_GOOD = ("events/", "inventory/", f"{layout.LOG}/")
_COMMITS = (layout.commit_key("orders", 1), layout.commit_key("email_events", 12345678901))
_HINTS = tuple(key("orders") for key in (layout.latest_key, layout.read_mark_key, layout.count_mark_key))


@dataclass(frozen=True)
class BucketSettings:
    """A bucket's settings, each read by its own request."""

    client: S3Client
    lake: LakeSettings

    def checks(self) -> Iterator[Check]:
        """Yield all checks of the bucket's settings."""
        yield Check("bucket: reached", f"s3://{self.lake.bucket} in {self.lake.region}", self._reached)
        yield Check("bucket: clock", "within 30 s of this machine's", self._clock)
        yield Check("bucket: versioning", "Enabled: what is overwritten or deleted can be had back", self._versioning)
        yield Check("bucket: public access", "blocked in all four ways", self._public_access)
        yield Check("bucket: owner of objects", "BucketOwnerEnforced: no access lists", self._ownership)
        yield Check("bucket: encryption", "AES256 or aws:kms by default", self._encryption)
        yield Check("bucket: TLS", "its policy denies whatever comes without TLS", self._tls)
        yield Check(
            "bucket: commits", "its policy denies whatever would write over one: no If-None-Match", self._kept_commits
        )
        yield Check("bucket: lifecycle of data and log", "nothing of them expires", self._nothing_expires)
        yield Check("bucket: lifecycle of leftovers", "old versions and broken uploads are removed", self._leftovers)

    def _reached(self) -> Seen:
        with s3_errors(self.lake, "reach the bucket"):
            self.client.list_objects_v2(Bucket=self.lake.bucket, MaxKeys=1)
        where = self.lake.endpoint_url or "AWS"
        try:
            found = self._ask(lambda: self.client.get_bucket_location(Bucket=self.lake.bucket))
        except NotSeenError:
            return Seen(f"reached at {where}")
        region = found.get("LocationConstraint") or "us-east-1"
        if region != self.lake.region:
            return wrong(f"reached at {where}, in {region}", f"Set AWS_REGION={region}.")
        return Seen(f"reached at {where}, in {region}")

    def _clock(self) -> Seen:
        with s3_errors(self.lake, "reach the bucket"):
            answer = self.client.list_objects_v2(Bucket=self.lake.bucket, MaxKeys=1)
        date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        if date is None:
            raise NotSeenError("its answers have no Date")
        return skew_seen(parsedate_to_datetime(date), "S3's clock")

    def _versioning(self) -> Seen:
        found = self._ask(lambda: self.client.get_bucket_versioning(Bucket=self.lake.bucket))
        status = found.get("Status", "never enabled")
        return Seen(status) if status == "Enabled" else wrong(status, _MADE_BY_TERRAFORM)

    def _public_access(self) -> Seen:
        found = self._ask(lambda: self.client.get_public_access_block(Bucket=self.lake.bucket))
        block: Mapping[str, bool] = found.get("PublicAccessBlockConfiguration", {})
        wanted = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        open_ways = [name for name in wanted if not block.get(name)]
        return wrong(f"not {', '.join(open_ways)}", _MADE_BY_TERRAFORM) if open_ways else Seen("blocked")

    def _ownership(self) -> Seen:
        found = self._ask(lambda: self.client.get_bucket_ownership_controls(Bucket=self.lake.bucket))
        rules = found.get("OwnershipControls", {}).get("Rules", [])
        owner = rules[0]["ObjectOwnership"] if rules else "not set"
        return Seen(owner) if owner == "BucketOwnerEnforced" else wrong(owner, _MADE_BY_TERRAFORM)

    def _encryption(self) -> Seen:
        found = self._ask(lambda: self.client.get_bucket_encryption(Bucket=self.lake.bucket))
        rules = found.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
        kinds = {rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm", "none") for rule in rules}
        seen = ", ".join(sorted(kinds)) or "not set"
        return Seen(seen) if kinds and kinds <= _ENCRYPTED else wrong(seen, _MADE_BY_TERRAFORM)

    def _tls(self) -> Seen:
        statements = self._statements()
        places = {place for statement in statements if _denies_plain_http(statement) for place in _resources(statement)}
        own = {f":s3:::{self.lake.bucket}", f":s3:::{self.lake.bucket}/*"}
        if all(any(place.endswith(wanted) for place in places) for wanted in own):
            return Seen("denied")
        seen = "no policy" if not statements else "no statement of its policy denies it for bucket and objects"
        return wrong(seen, _MADE_BY_TERRAFORM)

    def _kept_commits(self) -> Seen:
        statements = [statement for statement in self._statements() if _denies_unconditional_writes(statement)]
        places = [place.partition(f":s3:::{self.lake.bucket}/")[2] for one in statements for place in _resources(one)]
        if hints := [key for key in _HINTS if _covered(key, places)]:
            return wrong(f"{', '.join(hints)} are denied, too", f"Runs write over them. {_MADE_BY_TERRAFORM}")
        if all(_covered(key, places) for key in _COMMITS):
            return Seen("denied")
        return wrong(
            "its policy does not deny it",
            f"A program with a fault could change what the lake holds. {_MADE_BY_TERRAFORM}",
        )

    def _statements(self) -> list[Mapping[str, Any]]:
        """Return the statements of the bucket's policy; an empty list if it has no policy."""
        found = self._ask(lambda: self.client.get_bucket_policy(Bucket=self.lake.bucket))
        return list(json.loads(found["Policy"])["Statement"]) if "Policy" in found else []

    def _nothing_expires(self) -> Seen:
        expired = sorted({prefix for rule in self._rules() for prefix in _expired_by(rule)})
        if expired:
            return wrong(
                f"a rule removes current objects of {', '.join(expired)}",
                f"Take the rule away: the log is the state, and its files are needed for replays. {_MADE_BY_TERRAFORM}",
            )
        return Seen("nothing does")

    def _leftovers(self) -> Seen:
        rules = self._rules()
        lacking = [
            what
            for what, key in (
                ("old versions", "NoncurrentVersionExpiration"),
                ("broken uploads", "AbortIncompleteMultipartUpload"),
            )
            if not any(key in rule and not _prefix(rule) for rule in rules)
        ]
        if lacking:
            return wrong(f"no rule removes {' and '.join(lacking)}", f"They are paid for. {_MADE_BY_TERRAFORM}")
        return Seen("removed")

    def _rules(self) -> list[Mapping[str, Any]]:
        found = self._ask(lambda: self.client.get_bucket_lifecycle_configuration(Bucket=self.lake.bucket))
        return [rule for rule in found.get("Rules", []) if rule.get("Status") == "Enabled"]

    def _ask(self, ask: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        """Return the answer to `ask`; an empty mapping for a setting that is not set.

        Raises NotSeenError if the credentials may not read the setting.
        """
        from botocore.exceptions import ClientError

        with s3_errors(self.lake, "read the bucket's settings"):
            try:
                return ask()
            except ClientError as error:
                code = error.response.get("Error", {}).get("Code", "")
                if code in _NOT_SET:
                    return {}
                if code in _DENIED:
                    raise NotSeenError(
                        "these credentials may not read the bucket's settings, and the writer's need not",
                        advice="Once after each `terraform apply`, run it with credentials that may (SecurityAudit).",
                    ) from error
                raise


def _denies_plain_http(statement: Mapping[str, Any]) -> bool:
    secure = statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")
    return _denies_everybody(statement, "s3:*") and str(secure).lower() == "false"


def _denies_unconditional_writes(statement: Mapping[str, Any]) -> bool:
    """Return whether a policy statement denies writes without a condition, in the form of AWS' guide.

    See https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html.
    """
    conditions = statement.get("Condition", {})
    absent = conditions.get("Null", {}).get("s3:if-none-match")
    return _denies_everybody(statement, "s3:PutObject") and len(conditions) == 1 and str(absent).lower() == "true"


def _denies_everybody(statement: Mapping[str, Any], action: str) -> bool:
    actions = statement.get("Action")
    named = [actions] if isinstance(actions, str) else actions or []
    everybody = statement.get("Principal") in ("*", {"AWS": "*"})
    return statement.get("Effect") == "Deny" and everybody and bool({"s3:*", action} & set(named))


def _covered(key: str, places: list[str]) -> bool:
    """Return whether one of `places` matches the key. In a place, * and ? are AWS' wildcards."""
    patterns = (re.escape(place).replace(r"\*", ".*").replace(r"\?", ".") for place in places)
    return any(re.fullmatch(pattern, key) for pattern in patterns)


def _resources(statement: Mapping[str, Any]) -> list[str]:
    found = statement.get("Resource", [])
    return [found] if isinstance(found, str) else list(found)


def _prefix(rule: Mapping[str, Any]) -> str:
    """Return the key prefix that a lifecycle rule applies to; empty for all keys."""
    where = rule.get("Filter") or {}
    return str(where.get("Prefix") or where.get("And", {}).get("Prefix") or rule.get("Prefix") or "")


def _expired_by(rule: Mapping[str, Any]) -> Iterator[str]:
    """Yield the prefixes of data and log files whose current objects a lifecycle rule expires."""
    expiration = rule.get("Expiration", {})
    if "Days" not in expiration and "Date" not in expiration:
        return
    prefix = _prefix(rule)
    if prefix.rstrip("/").rpartition("/")[2] == layout.PROBES:
        return
    yield from (place for place in _KEPT_FOR_GOOD if place.startswith(prefix) or prefix.startswith(place))
