"""The list of all checks of `ingest doctor`, in their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from ingest.contracts.model import Source, StreamContract
from ingest.doctor.api import Api
from ingest.doctor.bucket import BucketSettings
from ingest.doctor.postgres import PostgresSource
from ingest.doctor.writing import Writing
from ingest.errors import AccessError
from ingest.findings import Check
from ingest.lake.objects.s3 import make_client
from ingest.retry_policies import LAKE_REQUEST
from ingest.settings import IngestSettings, LakeSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def checks(settings: IngestSettings, contracts: Sequence[StreamContract], *, role_arn: str | None) -> Iterator[Check]:
    """Return the checks of bucket, writer and sources.

    The writer's checks use the role `role_arn`, or the given credentials if it is None. Raises AccessError if the
    credentials may not assume that role, ConfigurationError for bad settings.
    """
    own = make_client(settings.lake)
    writer = client_of_role(settings.lake, role_arn) if role_arn else own
    by_source = {source: [found for found in contracts if found.spec.source is source] for source in Source}
    families: list[Iterator[Check]] = [
        BucketSettings(own, settings.lake).checks(),
        Writing(writer, settings.lake).checks(),
    ]
    if tables := by_source[Source.POSTGRES]:
        families.append(PostgresSource(settings, tables).checks())
    if collections := by_source[Source.SAAS]:
        families.append(Api(settings, collections).checks())
    return chain.from_iterable(families)


def client_of_role(lake: LakeSettings, role_arn: str) -> S3Client:
    """Return a client with the rights of a role, which the given credentials assume. Raises AccessError."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        sts = boto3.session.Session().client("sts", endpoint_url=lake.endpoint_url, region_name=lake.region)
        taken = sts.assume_role(RoleArn=role_arn, RoleSessionName="doctor")["Credentials"]
    except (ClientError, BotoCoreError) as error:
        raise AccessError(
            f"these credentials cannot take on {role_arn}: {_reason(error)}",
            hint="`terraform output aws_role_arns` names the roles; pipeline_principals says who may take them on.",
        ) from error
    return boto3.session.Session().client(
        "s3",
        endpoint_url=lake.endpoint_url,
        region_name=lake.region,
        aws_access_key_id=taken["AccessKeyId"],
        aws_secret_access_key=taken["SecretAccessKey"],
        aws_session_token=taken["SessionToken"],
        config=Config(
            retries={"mode": "standard", "max_attempts": LAKE_REQUEST.further_tries + 1},
            s3={"addressing_style": "path" if lake.endpoint_url else "auto"},
        ),
    )


def _reason(error: Exception) -> str:
    """Return AWS' error code, or the class of the error. The error's text may hold a part of the request."""
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code") or type(error).__name__)
