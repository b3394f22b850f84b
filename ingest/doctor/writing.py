"""Checks of what the lake's writer may and may not do, by requests on keys that nothing reads.

The keys lie in `_runs/`, whose objects expire, under a name that no stream has. If S3 allows a deletion that it should
refuse, nothing is lost, because the key never existed. If S3 allows a write that it should refuse, all runs of the
doctor write the same key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ingest.errors import AccessError, ConflictError, PlatformError
from ingest.findings import Check, NotSeenError, Seen, wrong
from ingest.lake.layout import KEYS, LOG, PROBES, QUARANTINE, RUNS, commit_key
from ingest.lake.objects.s3 import s3_errors
from ingest.settings import LakeSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_WRITERS = 2
_POLICY = "Attach `ingest-writer` alone to the identity that runs ingest (`terraform output aws_policy_arns`)."


@dataclass(frozen=True)
class Writing:
    """The lake, and a `client` with the credentials of its writer."""

    client: S3Client
    lake: LakeSettings

    def checks(self) -> Iterator[Check]:
        """Yield all checks of the writer."""
        yield Check(
            "writer: put if absent", "of two writers of one key one wins, and it stays", self._one_of_two_writers_wins
        )
        yield Check("writer: write over a commit", "refused without If-None-Match", self._cannot_write_over_a_commit)
        for prefix in (f"{LOG}/", "events/", "inventory/", f"{QUARANTINE}/", f"{KEYS}/"):
            yield Check(f"writer: delete in {prefix}", "refused", lambda prefix=prefix: self._cannot_delete(prefix))  # type: ignore[misc]
        yield Check("writer: write elsewhere", "refused outside the lake's prefixes", self._cannot_write_elsewhere)

    def _one_of_two_writers_wins(self) -> Seen:
        key = f"{RUNS}{PROBES}-{uuid4().hex}.json"
        bodies = [f'{{"writer": {number}}}'.encode() for number in range(_WRITERS)]
        together = Barrier(_WRITERS)

        def put(body: bytes) -> bool:
            together.wait(timeout=30)
            return self._put_if_absent(key, body)

        try:
            with ThreadPoolExecutor(_WRITERS) as threads:
                won = [body for body, done in zip(bodies, threads.map(put, bodies), strict=True) if done]
            late = self._put_if_absent(key, b'{"writer": "late"}')
            if not won and not late:
                return wrong("neither of two writers could write", "Ask who runs this S3.")
            if len(won) > 1 or late:
                return wrong(
                    "a second writer wrote over the first",
                    "This S3 does not honour If-None-Match: two runs would lose each other's commits. Do not use it.",
                )
        finally:
            gone = self._clean_up(key)
        left = "" if gone else f"; {key} is left, and expires with its prefix"
        return Seen(f"one of two won, a later one was refused{left}")

    def _put_if_absent(self, key: str, body: bytes) -> bool:
        try:
            with s3_errors(self.lake, f"write {key}"):
                self.client.put_object(Bucket=self.lake.bucket, Key=key, Body=body, IfNoneMatch="*")
        except ConflictError:
            return False
        return True

    def _cannot_write_over_a_commit(self) -> Seen:
        key = commit_key(PROBES, 0)  # versions of commits begin with 1
        answer = self._refused(
            lambda: self.client.put_object(Bucket=self.lake.bucket, Key=key, Body=b"{}"), f"write over {key}"
        )
        if answer is None:
            return Seen("refused")
        self._clean_up(key, answer.get("VersionId"))
        return wrong(
            "these credentials may write over a commit",
            "A program with a fault could change what the lake holds. `terraform apply` lets the bucket's policy deny "
            "it; a server that is no AWS may have no such policy.",
        )

    def _cannot_delete(self, prefix: str) -> Seen:
        key = f"{prefix}{PROBES}/{uuid4().hex}"
        answer = self._refused(
            lambda: self.client.delete_object(Bucket=self.lake.bucket, Key=key), f"delete {prefix}{PROBES}/..."
        )
        if answer is None:
            return Seen("refused")
        if marker := answer.get("VersionId"):
            self._clean_up(key, marker)  # the delete marker
        return wrong("these credentials may delete there", f"{_POLICY} `orphan-collector` is for `ingest gc` alone.")

    def _cannot_write_elsewhere(self) -> Seen:
        key = f"{PROBES}/elsewhere"
        answer = self._refused(
            lambda: self.client.put_object(Bucket=self.lake.bucket, Key=key, Body=b""), f"write {PROBES}/..."
        )
        if answer is None:
            return Seen("refused")
        self._clean_up(key, answer.get("VersionId"))
        return wrong("these credentials may write anywhere in the bucket", _POLICY)

    def _refused(self, try_it: Callable[[], Any], doing: str) -> Any | None:
        """Return None if S3 refuses the request; otherwise return its answer."""
        try:
            with s3_errors(self.lake, doing):
                return try_it()
        except AccessError as error:
            if _is_denial(error):
                return None
            raise NotSeenError(
                f"S3 does not take these credentials: {error.message}", advice=error.hint or ""
            ) from error

    def _clean_up(self, key: str, version: str | None = None) -> bool:
        """Delete an object, or one version of it. Return whether these credentials may."""
        where: dict[str, Any] = {"VersionId": version} if version else {}
        try:
            with s3_errors(self.lake, "clean up"):
                self.client.delete_object(Bucket=self.lake.bucket, Key=key, **where)
        except PlatformError:
            return False
        return True


def _is_denial(error: AccessError) -> bool:
    """Return whether a policy denied the request. A wrong key or signature is no denial."""
    from botocore.exceptions import ClientError

    cause = error.__cause__
    return isinstance(cause, ClientError) and cause.response.get("Error", {}).get("Code") in ("AccessDenied", "403")
