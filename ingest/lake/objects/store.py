"""The object store: the few S3 calls that the lake needs, with a checksum for every object."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, TypeVar

from ingest.disk import disk_errors
from ingest.errors import ConflictError, DamagedLakeError, TransientError
from ingest.lake.objects.s3 import (
    AbsentError,
    AlteredError,
    BrokenBodyError,
    StrangeRefusalError,
    WritesMetError,
    make_client,
    s3_errors,
)
from ingest.retry_policies import LAKE_BODY
from ingest.settings import LakeSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

T = TypeVar("T")

_CHUNK = 2**20
_SHA256 = "sha256"
"""The object metadata that holds the SHA-256 (hex) of what was put."""
_RESTORE = "Restore it from the bucket's versions."


class _Checksums(TypedDict):
    ChecksumSHA256: str
    Metadata: dict[str, str]


@dataclass(frozen=True)
class StoredObject:
    """One listed object. `modified` is the time of the last write by the store's clock."""

    key: str
    bytes: int
    modified: datetime


class ObjectStore:
    """A bucket. Thread-safe. Every method raises TransientError, AccessError or ConfigurationError.

    Uploads carry their SHA-256, which S3 checks before it stores the object. Downloads are checked here.
    """

    def __init__(self, settings: LakeSettings, client: S3Client | None = None) -> None:
        self.bucket = settings.bucket
        self.settings = settings
        self._client = client or make_client(settings)

    def uri(self, key: str) -> str:
        """Return the key as `s3://bucket/key`."""
        return f"s3://{self.bucket}/{key}"

    def get(self, key: str) -> bytes | None:
        """Return an object's body, None if it does not exist. Raises DamagedLakeError if the body fails its
        checksum.
        """

        def whole(answer: GetObjectOutputTypeDef) -> bytes:
            body = answer["Body"].read()
            self._check(key, hashlib.sha256(body), answer["Metadata"].get(_SHA256))
            return body

        try:
            return self._read(key, whole)
        except AbsentError:
            return None

    def download(self, key: str, path: Path, sha256: str) -> None:
        """Write an object's content to `path`, and check that its SHA-256 (hex) is `sha256`.

        Raises DamagedLakeError if the object does not exist, or if its content still differs after several reads.
        """

        def save(answer: GetObjectOutputTypeDef) -> None:
            digest = hashlib.sha256()
            with disk_errors(path.parent), path.open("wb") as file:
                for chunk in answer["Body"].iter_chunks(_CHUNK):
                    digest.update(chunk)
                    file.write(chunk)
            self._check(key, digest, sha256)

        try:
            self._read(key, save)
        except AbsentError as error:
            raise DamagedLakeError(
                f"the lake's log names {self.uri(key)}, but there is no such file", hint=_RESTORE
            ) from error

    def put(self, key: str, body: bytes) -> None:
        """Write an object. An existing object is overwritten."""
        with self._errors(f"write {key}"):
            self._client.put_object(Bucket=self.bucket, Key=key, Body=body, **_checksums(body))

    def put_if_absent(self, key: str, body: bytes) -> None:
        """Write an object that must not exist yet (a conditional put). Raises ConflictError if another object exists.

        A store may have kept our first try although its response was lost, so an object with our own content counts as
        ours. If two writes met and no object exists yet, either may still win: that raises TransientError.
        """
        try:
            with self._errors(f"write {key}"):
                self._client.put_object(Bucket=self.bucket, Key=key, Body=body, IfNoneMatch="*", **_checksums(body))
        except ConflictError as error:
            found = self.get(key)
            if found is None and isinstance(error, WritesMetError):
                raise TransientError(f"cannot write {key}: another write of it is under way") from error
            if found != body:
                raise

    def upload(self, path: Path, key: str, sha256: str) -> None:
        """Write a file's content. The store verifies `sha256` (hex) on arrival."""
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
        with self._errors(f"write {key}"), path.open("rb") as body:
            self._client.put_object(Bucket=self.bucket, Key=key, Body=body, ChecksumSHA256=checksum)

    def delete(self, keys: list[str]) -> None:
        """Delete objects. An object that does not exist is no error."""
        for start in range(0, len(keys), 1000):
            batch = [{"Key": key} for key in keys[start : start + 1000]]
            with self._errors(f"delete {len(batch)} objects"):
                answer = self._client.delete_objects(Bucket=self.bucket, Delete={"Objects": batch, "Quiet": True})  # type: ignore[typeddict-item]
                for failure in answer.get("Errors", []):
                    raise TransientError(f"cannot delete {self.uri(failure['Key'])}: {failure.get('Message', '')}")

    def list(self, prefix: str, *, start_after: str = "") -> Iterator[StoredObject]:
        """Yield the objects under `prefix` whose keys come after `start_after`, in the order of their keys."""
        further: dict[str, str] = {}
        with self._errors(f"list {prefix}"):
            while True:
                page = self._client.list_objects_v2(
                    Bucket=self.bucket,
                    Prefix=prefix,
                    StartAfter=start_after,
                    **further,  # type: ignore[arg-type]
                )
                if "IsTruncated" not in page:
                    raise self._no_listing(prefix)
                for item in page.get("Contents", []):
                    yield StoredObject(item["Key"], item["Size"], item["LastModified"])
                if not page["IsTruncated"]:
                    return
                token = page.get("NextContinuationToken")
                if not token or token == further.get("ContinuationToken"):
                    raise self._no_listing(prefix)
                further = {"ContinuationToken": token}

    def check(self) -> None:
        """Raise a readable error if the bucket cannot be reached."""
        with self._errors("reach the bucket"):
            self._client.list_objects_v2(Bucket=self.bucket, MaxKeys=1)

    def _no_listing(self, prefix: str) -> TransientError:
        return TransientError(
            f"cannot list {prefix}: what {self.settings.endpoint_url or 'AWS'} answered is no listing",
            hint="Is it S3 that answers there? Check AWS_ENDPOINT_URL and the network.",
        )

    def _check(self, key: str, digest: hashlib._Hash, sha256: str | None) -> None:
        if sha256 is not None and digest.hexdigest() != sha256:
            raise AlteredError(
                f"{self.uri(key)} is not what was written there: its SHA-256 is {digest.hexdigest()}, and not {sha256}",
                hint=_RESTORE,
            )

    def _read(self, key: str, consume: Callable[[GetObjectOutputTypeDef], T]) -> T:
        """Request an object and consume its body. Repeat the request if the body breaks off or was altered on the way.

        boto3 retries a request whose response does not begin, but not one whose body breaks off.
        """
        for _ in range(LAKE_BODY.further_tries):
            try:
                return self._read_once(key, consume)
            except (BrokenBodyError, AlteredError, StrangeRefusalError):
                continue
        return self._read_once(key, consume)

    def _read_once(self, key: str, consume: Callable[[GetObjectOutputTypeDef], T]) -> T:
        from botocore.exceptions import BotoCoreError
        from urllib3.exceptions import HTTPError

        with self._errors(f"read {key}"):
            answer = self._client.get_object(Bucket=self.bucket, Key=key)
        try:
            return consume(answer)
        except (BotoCoreError, HTTPError) as error:
            raise BrokenBodyError(
                f"cannot read {key}: S3 at {self.settings.endpoint_url or 'AWS'} broke off ({type(error).__name__})"
            ) from error
        finally:
            answer["Body"].close()

    def _errors(self, doing: str) -> AbstractContextManager[None]:
        return s3_errors(self.settings, doing)


def _checksums(body: bytes) -> _Checksums:
    """Return the checksum that S3 verifies on arrival and that we verify on reading. Not every S3 returns it."""
    digest = hashlib.sha256(body)
    return {"ChecksumSHA256": base64.b64encode(digest.digest()).decode(), "Metadata": {_SHA256: digest.hexdigest()}}
