"""Makes botocore clients for S3 with time limits, and turns their errors into the platform's errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from ingest.errors import (
    AccessError,
    ConfigurationError,
    ConflictError,
    DamagedLakeError,
    FatalError,
    PlatformError,
    TransientError,
    UnreachableError,
)
from ingest.retry_policies import LAKE_REQUEST
from ingest.settings import LakeSettings

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_s3 import S3Client

_EXISTS = {"PreconditionFailed", "412"}
_WRITES_MET = {"ConditionalRequestConflict", "409"}
_ABSENT = "NoSuchKey"
"""Not any 404: a server that is not S3 answers that too, and must not pass for an empty lake."""
_FULL = 507
"""Insufficient Storage (RFC 4918), as servers that keep S3 on a disk of their own answer."""
_FAULTS_OF_THE_MOMENT = {"RequestTimeout", "BadDigest", "IncompleteBody", "OperationAborted", "SlowDown", "408", "429"}
_DENIED = {
    "AccessDenied",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "AuthorizationHeaderMalformed",
    "403",
    "401",
}
_CONNECT_SECONDS = 5.0
_READ_SECONDS = 60.0


class AbsentError(FatalError):
    """The object does not exist."""


class AlteredError(DamagedLakeError):
    """The object's content differs from the content that was written."""


class StrangeRefusalError(ConfigurationError):
    """An error response does not come from S3, or was cut off."""


class BrokenBodyError(TransientError):
    """The response began and then broke off."""


class WritesMetError(ConflictError):
    """S3 was processing another write of this object, and has confirmed neither write."""


def make_client(settings: LakeSettings) -> S3Client:
    """Return a client of the lake's endpoint. Raises ConfigurationError or AccessError."""
    import botocore.session  # without boto3, which would import its managers of transfers too
    from botocore.config import Config
    from botocore.exceptions import PartialCredentialsError

    from ingest.lake.objects.descriptions import service_descriptions

    config = Config(
        retries={"mode": "standard", "max_attempts": LAKE_REQUEST.further_tries + 1},
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        max_pool_connections=32,
        s3={"addressing_style": "path" if settings.endpoint_url else "auto"},
    )
    try:
        session = botocore.session.get_session()
        session.register_component("data_loader", service_descriptions())
        client = session.create_client(
            "s3", endpoint_url=settings.endpoint_url, region_name=settings.region, config=config
        )
        return cast("S3Client", client)
    except PartialCredentialsError as error:
        raise _no_credentials() from error
    except ValueError as error:
        raise ConfigurationError(
            "cannot make an S3 client: the endpoint or the region is none",
            hint="Check AWS_ENDPOINT_URL and AWS_REGION.",
        ) from error


@contextmanager
def s3_errors(settings: LakeSettings, doing: str) -> Iterator[None]:
    """Turn boto3's errors into a PlatformError that names the action `doing`, such as "read <key>"."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise _platform_error(settings, error, doing) from error
    except BotoCoreError as error:
        raise _connection_error(settings, error, doing) from error


def _platform_error(settings: LakeSettings, error: ClientError, doing: str) -> PlatformError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    where = f"s3://{settings.bucket} at {settings.endpoint_url or 'AWS'}"
    if code == _ABSENT:
        return AbsentError(f"cannot {doing} in {where}: there is no such object")
    if code in _EXISTS:
        return ConflictError(f"cannot {doing}: the object exists already")
    if code in _WRITES_MET:
        return WritesMetError(f"cannot {doing}: another writer was writing the object")
    if code == "NoSuchBucket":
        return ConfigurationError(
            f"there is no bucket {where}",
            hint="Create it (terraform, or `aws s3 mb`), or correct RAW_BUCKET.",
        )
    if code in _DENIED or status in (401, 403):
        return AccessError(
            f"S3 refuses to {doing} in {where} ({code})",
            hint="Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what their policy allows.",
        )
    if code in ("PermanentRedirect", "301", "IllegalLocationConstraintException"):
        return ConfigurationError(f"{where} is in another region", hint="Correct AWS_REGION.")
    if status == _FULL:
        return TransientError(f"cannot {doing} in {where}: the disk of the lake is full", hint="Make room, run again.")
    if status >= 500 or status in (408, 429) or code in _FAULTS_OF_THE_MOMENT:
        return TransientError(f"cannot {doing} in {where}: {code}")
    kind = StrangeRefusalError if code in ("", str(status)) else ConfigurationError
    return kind(f"cannot {doing} in {where}: {code}", hint="Is it S3 that answers there? Check AWS_ENDPOINT_URL.")


def _connection_error(settings: LakeSettings, error: Exception, doing: str) -> PlatformError:
    from botocore.exceptions import (
        ConnectTimeoutError,
        EndpointConnectionError,
        EndpointResolutionError,
        InvalidRegionError,
        NoCredentialsError,
        ParamValidationError,
    )

    if isinstance(error, NoCredentialsError):
        return _no_credentials()
    if isinstance(error, ParamValidationError | InvalidRegionError):
        # The error's own text shows the values.
        return ConfigurationError(
            f"cannot {doing}: a name is none for S3 ({type(error).__name__})", hint="Check RAW_BUCKET and AWS_REGION."
        )
    if isinstance(error, EndpointResolutionError):
        return ConfigurationError(f"cannot {doing}: {type(error).__name__}", hint="Check AWS_ENDPOINT_URL.")
    unreachable = isinstance(error, EndpointConnectionError | ConnectTimeoutError)
    kind = UnreachableError if unreachable else TransientError
    return kind(
        f"cannot {doing}: S3 at {settings.endpoint_url or 'AWS'} does not answer ({type(error).__name__})",
        hint="Check AWS_ENDPOINT_URL and the network.",
    )


def _no_credentials() -> AccessError:
    return AccessError(
        "there are no AWS credentials", hint="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile."
    )
