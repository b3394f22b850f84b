"""terraform/: valid, its own tests pass, checkov agrees, RAW is as the loader wants it, and it can be applied."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from ingest.contracts.registry import ContractRegistry
from ingest.contracts.types import _ALIASES, _AS_TEXT, _NATIVE
from local.processes import ProcessGroup
from local.servers.s3_server import start_s3
from local.servers.saas_server import SaasServer
from tests.terraform import applied
from tests.terraform.emulated_aws import EmulatedAws
from tests.terraform.raw_tables import made_by_terraform, wanted_by_the_loader, wide_contract
from tests.terraform.runner import REPOSITORY, Terraform

CHECKOV = REPOSITORY / ".venv-checkov"


def test_all_of_it_is_formatted(bare_terraform: Terraform) -> None:
    for folder in ("terraform", "emulated"):
        assert bare_terraform.run(folder, "fmt", "-check", "-recursive", "-diff").stdout == ""


def test_the_whole_is_valid_and_its_tests_pass(terraform: Terraform) -> None:
    terraform.succeed("terraform", "validate")

    assert "0 failed" in terraform.succeed("terraform", "test")


@pytest.mark.parametrize("folder", ["modules/raw_lake", "modules/warehouse", "bootstrap"])
def test_the_tests_of_a_part_pass(terraform: Terraform, folder: str) -> None:
    terraform.init(f"terraform/{folder}", "-backend=false")

    assert "0 failed" in terraform.succeed(f"terraform/{folder}", "test")


def test_a_pipe_waits_for_the_role_that_snowflake_takes_on_and_the_notification_for_the_pipe(
    terraform: Terraform,
) -> None:
    """CREATE PIPE assumes the role at once, so the role must exist with its rights."""
    waits_for = terraform.dependencies("terraform")

    def reachable(resource: str) -> set[str]:
        found, waiting = set(), [resource]
        while waiting:
            for other in waits_for.get(waiting.pop(), set()) - found:
                found.add(other)
                waiting.append(other)
        return found

    role = {f"module.raw_lake.{part}.snowflake" for part in ("aws_iam_role", "aws_iam_role_policy")}
    assert role <= reachable("module.warehouse.snowflake_pipe.this")
    assert "module.warehouse.snowflake_pipe.this" in reachable("module.raw_lake.aws_s3_bucket_notification.snowpipe")


def test_production_can_be_planned_while_nothing_of_it_is_known_yet(terraform: Terraform) -> None:
    arguments = ("-test-directory=tests/environments", "-var-file=environments/prod.tfvars")

    assert "1 passed, 0 failed" in terraform.succeed("terraform", "test", *arguments)


def test_checkov_finds_nothing_that_has_no_reason(bare_terraform: Terraform) -> None:
    if not (CHECKOV / ".installed").exists():
        pytest.skip("checkov's environment is not there: make .venv-checkov/.installed")
    arguments = ["--directory", ".", "--framework", "terraform", "--skip-download", "--compact", "--output", "json"]
    done = subprocess.run(
        [CHECKOV / "bin" / "checkov", *arguments],
        cwd=bare_terraform.root / "terraform",
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(done.stdout)
    results = found["results"]

    assert [f"{check['check_id']} {check['resource']}" for check in results["failed_checks"]] == []
    assert [
        check["check_id"] for check in results["skipped_checks"] if not check["check_result"]["suppress_comment"]
    ] == []
    assert found["summary"]["passed"] > 50
    assert found["summary"]["parsing_errors"] == 0


def test_terraform_makes_the_tables_that_the_loader_wants(bare_terraform: Terraform) -> None:
    made = made_by_terraform(bare_terraform, bare_terraform.root / "ingest" / "contracts")

    assert made == wanted_by_the_loader(ContractRegistry.load())


def test_terraform_types_a_column_as_ingest_lands_it(bare_terraform: Terraform, tmp_path: Path) -> None:
    numerics = ["numeric(12,2)", "decimal( 5 )", "numeric(38,38)", "NUMERIC(9, 0)"]
    numerics += ["numeric(39,2)", "numeric(5,7)", "numeric(3,-2)"]  # of which no decimal can be made
    others = ["timestamp(3) with time zone", "timestamp (0)  without time zone", "varchar(5)", "character varying(20)"]
    others += ["integer[]", "numeric(4,2)[][3]", "bit(3)", "interval day to second"]
    spelt = [*_NATIVE, *_ALIASES, *sorted(_AS_TEXT), *numerics, *others]
    contract = wide_contract(spelt, landed_as_text=["bigint", "our_enum"])
    (tmp_path / "wide.odcs.yaml").write_text(yaml.safe_dump(contract, sort_keys=False))

    made = made_by_terraform(bare_terraform, tmp_path)

    assert made == wanted_by_the_loader(ContractRegistry.load(tmp_path))
    assert len(made["WIDE"]) > 80
    assert [column.name for column in made["WIDE__DELETES"]][:2] == ["SECOND", "FIRST"]


def test_the_lake_is_applied_used_and_destroyed_on_an_emulated_aws(
    terraform: Terraform,
    processes: ProcessGroup,
    mock_saas_server: SaasServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("MOTO_ACCOUNT_ID", applied.ACCOUNT)
    aws = EmulatedAws(start_s3(processes, tmp_path, tmp_path).ready())
    lake = applied.Lake(aws, terraform.with_environment(aws.environment))

    lake.make_place_for_the_state()
    lake.apply()
    lake.assert_second_plan_is_empty()
    lake.assert_state_can_be_locked()

    lake.assert_a_deployment_gives_nobody_access()

    with lake.enforced_policies():
        lake.land_as_the_writer(mock_saas_server, tmp_path)
        lake.assert_the_writer_writes_and_deletes_nothing()
        lake.assert_the_loader_reads_the_log_alone()
        lake.assert_snowflake_reads_data_alone()
        lake.assert_a_deployment_is_refused()

    lake.destroy()
    lake.assert_only_the_state_is_left()
