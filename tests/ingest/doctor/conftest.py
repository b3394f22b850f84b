"""An emulated AWS of these tests' own, whose policies can be made to count."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.processes import ProcessGroup
from local.servers.s3_server import start_s3
from tests.ingest.doctor.lake_account import LakeAccount, make_lake_account
from tests.terraform.emulated_aws import EmulatedAws


@pytest.fixture(scope="session")
def account(processes: ProcessGroup, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LakeAccount]:
    folder: Path = tmp_path_factory.mktemp("aws")
    aws = EmulatedAws(start_s3(processes, folder, folder).ready())
    return make_lake_account(aws, "lake-of-the-doctor")
