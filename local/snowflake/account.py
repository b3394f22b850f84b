"""SQL that makes in an emulated account the objects that our Terraform makes in a real one: names, owners, grants.

Only Terraform (terraform/modules/warehouse) provisions a real account.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import chain

from ingest.errors import ConfigurationError
from ingest.settings import LakeSettings
from orchestration.settings import OrchestrationSettings, Schemas
from orchestration.warehouse.snowflake.settings import SnowflakeSettings

INTEGRATION = "DP_MAILBLAZE_DEMO_DEV_S3_INT"
MONITOR = "DP_MAILBLAZE_DEMO_DEV_MONITOR"
STORAGE_ROLE = "arn:aws:iam::443414059898:role/dp-mailblaze-demo-dev-snowflake-storage"
FILE_FORMAT = "PARQUET_OF_INGEST"
_PARQUET = "TYPE = PARQUET USE_VECTORIZED_SCANNER = TRUE USE_LOGICAL_TYPE = TRUE BINARY_AS_TEXT = FALSE NULL_IF = ()"
_BLOCKED = ("_keys/", "_log/", "_quarantine/", "_runs/", "_ops/", "_built/")


def provision(environment: Mapping[str, str], *, bucket: str) -> None:
    """Prepare the account that `environment` (SNOWFLAKE_*) names for the loader and dbt. It is idempotent.

    Raises ConfigurationError if the account is not an emulated one on this machine.
    """
    import snowflake.connector

    settings = SnowflakeSettings.of(environment)
    if not settings.is_local or settings.password is None:
        raise ConfigurationError(
            f"{settings.account} is no emulated account: it is provisioned by Terraform",
            hint="See terraform/README.md.",
        )
    database = environment.get("WAREHOUSE_DATABASE", OrchestrationSettings.model_fields["database"].default)
    connection = snowflake.connector.connect(
        account=settings.account,
        user=settings.user,
        password=settings.password.get_secret_value(),
        host=settings.host,
        port=settings.port,
        protocol=settings.protocol,
        login_timeout=settings.login_timeout_seconds,
        platform_detection_timeout_seconds=0.0,
        session_parameters={"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False},
    )
    with closing(connection), closing(connection.cursor()) as cursor:
        for statement in provision_statements(settings, database, Schemas(), bucket, user=settings.user):
            cursor.execute(statement)


def provision_statements(
    settings: SnowflakeSettings, database: str, schemas: Schemas, bucket: str, *, user: str
) -> tuple[str, ...]:
    """Return the statements in order, to run as ACCOUNTADMIN. `user` gets the three roles.

    Names are unquoted, as Terraform's.
    """
    integration = integration_of(bucket)
    return tuple(
        chain(
            _roles(settings, user),
            _warehouses(settings),
            _integration(settings, integration, bucket),
            database_statements(settings, database, schemas, bucket, integration=integration),
        )
    )


def database_statements(
    settings: SnowflakeSettings, database: str, schemas: Schemas, bucket: str, *, integration: str
) -> tuple[str, ...]:
    """Return the statements that make a database as Terraform does.

    They run as SYSADMIN in an account that has the roles, the warehouses and the integration.
    """
    return tuple(
        chain(
            _database(settings, database, schemas),
            _stage(settings, database, schemas, bucket, integration),
            # These grants come before others on the schemas, which would otherwise conflict.
            _building_grants(settings, database, schemas),
            _raw_grants(settings, database, schemas),
            _mart_grants(settings, database, schemas),
        )
    )


def integration_of(bucket: str) -> str:
    """Return the name of the integration for a bucket: Terraform's name for the documented bucket, else a name of its
    own.

    So an account can hold the databases of several lakes.
    """
    if bucket == LakeSettings.model_fields["bucket"].default:
        return INTEGRATION
    return f"{INTEGRATION}_{re.sub('[^A-Z0-9]', '_', bucket.upper())}"


def _roles(settings: SnowflakeSettings, user: str) -> Iterator[str]:
    for role in (settings.loader_role, settings.transformer_role, settings.reader_role):
        yield f"CREATE ROLE IF NOT EXISTS {role}"
        yield f"GRANT ROLE {role} TO ROLE SYSADMIN"
        yield f"GRANT ROLE {role} TO USER {user}"


def _warehouses(settings: SnowflakeSettings) -> Iterator[str]:
    yield f"CREATE RESOURCE MONITOR IF NOT EXISTS {MONITOR} WITH CREDIT_QUOTA = 20"
    for warehouse, role in (
        (settings.load_warehouse, settings.loader_role),
        (settings.transform_warehouse, settings.transformer_role),
        (settings.bi_warehouse, settings.reader_role),
    ):
        privileges = "USAGE" if role == settings.reader_role else "USAGE, OPERATE"
        yield (
            f"CREATE WAREHOUSE IF NOT EXISTS {warehouse} WAREHOUSE_SIZE = XSMALL AUTO_SUSPEND = 60 AUTO_RESUME = TRUE "
            f"INITIALLY_SUSPENDED = TRUE RESOURCE_MONITOR = {MONITOR} GENERATION = '1' "
            "ENABLE_QUERY_ACCELERATION = FALSE"
        )
        yield f"GRANT {privileges} ON WAREHOUSE {warehouse} TO ROLE {role}"


def _database(settings: SnowflakeSettings, database: str, schemas: Schemas) -> Iterator[str]:
    yield f"CREATE DATABASE IF NOT EXISTS {database}"
    for schema in schemas.model_dump().values():
        yield f"CREATE SCHEMA IF NOT EXISTS {database}.{schema} WITH MANAGED ACCESS"
    for role in (settings.loader_role, settings.transformer_role, settings.reader_role):
        yield f"GRANT USAGE ON DATABASE {database} TO ROLE {role}"


def _integration(settings: SnowflakeSettings, integration: str, bucket: str) -> Iterator[str]:
    """Yield the statements that make the integration of the raw bucket, limited to its data."""
    allowed = f"STORAGE_ALLOWED_LOCATIONS = ('s3://{bucket}/')"
    closed = ", ".join(f"'s3://{bucket}/{prefix}'" for prefix in _BLOCKED)
    blocked = f"STORAGE_BLOCKED_LOCATIONS = ({closed})"
    yield (
        f"CREATE STORAGE INTEGRATION IF NOT EXISTS {integration} TYPE = EXTERNAL_STAGE STORAGE_PROVIDER = 'S3' "
        f"ENABLED = TRUE STORAGE_AWS_ROLE_ARN = '{STORAGE_ROLE}' {allowed} {blocked}"
    )
    yield f"GRANT USAGE ON INTEGRATION {integration} TO ROLE {settings.loader_role}"


def _stage(
    settings: SnowflakeSettings, database: str, schemas: Schemas, bucket: str, integration: str
) -> Iterator[str]:
    raw = f"{database}.{schemas.raw}"
    yield f"CREATE FILE FORMAT IF NOT EXISTS {raw}.{FILE_FORMAT} {_PARQUET}"
    yield (
        f"CREATE STAGE IF NOT EXISTS {raw}.{settings.stage} URL = 's3://{bucket}/' STORAGE_INTEGRATION = {integration} "
        f"FILE_FORMAT = ({_PARQUET})"
    )
    yield f"GRANT USAGE ON FILE FORMAT {raw}.{FILE_FORMAT} TO ROLE {settings.loader_role}"
    yield f"GRANT USAGE ON STAGE {raw}.{settings.stage} TO ROLE {settings.loader_role}"


def _raw_grants(settings: SnowflakeSettings, database: str, schemas: Schemas) -> Iterator[str]:
    """Yield grants on RAW: the loader makes its tables, and so owns them; the transformer reads them."""
    raw = f"SCHEMA {database}.{schemas.raw}"
    yield f"GRANT USAGE, CREATE TABLE ON {raw} TO ROLE {settings.loader_role}"
    yield f"GRANT USAGE ON {raw} TO ROLE {settings.transformer_role}"
    yield f"GRANT SELECT ON ALL TABLES IN {raw} TO ROLE {settings.transformer_role}"
    yield f"GRANT SELECT ON FUTURE TABLES IN {raw} TO ROLE {settings.transformer_role}"


def _mart_grants(settings: SnowflakeSettings, database: str, schemas: Schemas) -> Iterator[str]:
    """Yield grants of the marts, the only tables that readers see."""
    mart = f"SCHEMA {database}.{schemas.mart}"
    yield f"GRANT USAGE ON {mart} TO ROLE {settings.reader_role}"
    for kind in ("TABLES", "VIEWS"):
        yield f"GRANT SELECT ON ALL {kind} IN {mart} TO ROLE {settings.reader_role}"
        yield f"GRANT SELECT ON FUTURE {kind} IN {mart} TO ROLE {settings.reader_role}"


def _building_grants(settings: SnowflakeSettings, database: str, schemas: Schemas) -> Iterator[str]:
    """Yield grants for dbt, which fills four schemas. It owns its tables but no schema, so it cannot grant anything."""
    role = settings.transformer_role
    for schema in (schemas.staging, schemas.intermediate, schemas.mart, schemas.snapshots):
        yield f"GRANT USAGE, CREATE TABLE, CREATE VIEW ON SCHEMA {database}.{schema} TO ROLE {role}"
