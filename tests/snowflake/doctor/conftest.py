"""An account with the two service users that Terraform makes, their keys, and a lake with one landed stream."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from ingest.contracts.registry import ContractRegistry
from tests.orchestration.lake_builder import LakeBuilder
from tests.snowflake.account import Account
from tests.snowflake.doctor.patient import STREAMS, Patient
from tests.snowflake.keys import key_pair

WAREHOUSES = [{"warehouse_id": 1, "code": "WH-MAD"}, {"warehouse_id": 2, "code": "WH-CDG"}]


@pytest.fixture(scope="module")
def patient(shared_account: Account, emulated: None) -> Iterator[Patient]:
    account, tail = shared_account, uuid.uuid4().hex[:8].upper()
    contracts = ContractRegistry.load().select(STREAMS)
    LakeBuilder(account.store, next(found for found in contracts if found.stream == "warehouses")).snapshot(WAREHOUSES)
    loader, dbt = f"SVC_LOADER_{tail}", f"SVC_DBT_{tail}"
    of_loader, of_dbt = key_pair("mine"), key_pair("other")
    roles = account.settings
    without = "TYPE = SERVICE DEFAULT_SECONDARY_ROLES = ()"
    account.run(
        f"CREATE USER {loader} {without} RSA_PUBLIC_KEY = '{of_loader.public}'",
        f"CREATE USER {dbt} {without} RSA_PUBLIC_KEY = '{of_dbt.public}' TIMEZONE = 'UTC'",
        f"GRANT ROLE {roles.loader_role} TO USER {loader}",
        f"GRANT ROLE {roles.transformer_role} TO USER {dbt}",
        f"GRANT ROLE {roles.reader_role} TO USER {dbt}",
    )
    settings = roles.model_copy(
        update={
            "user": loader,
            "password": None,
            "private_key": SecretStr(of_loader.private),
            "dbt_user": dbt,
            "dbt_private_key": SecretStr(of_dbt.private),
        }
    )
    yield Patient(account, settings, contracts)
    account.run(f"DROP USER {loader}", f"DROP USER {dbt}")
