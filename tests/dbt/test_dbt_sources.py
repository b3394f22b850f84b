"""The generated part of the dbt project follows the contracts."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import pytest
import yaml

from ingest.contracts.registry import PACKAGED, ContractRegistry
from orchestration.dbt import sources as dbt_sources
from orchestration.dbt.sources import KEYS_FILE, SOURCES_FILE, generate, main
from tests.dbt.running.parsed import PROJECT
from tests.dbt.running.project import Dbt
from tests.dbt.running.raw_database import RawDatabase
from tests.dbt.world.history import open_shop


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the generated files."""
    for path in (SOURCES_FILE, KEYS_FILE):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT / path, tmp_path / path)
    return tmp_path


@pytest.fixture
def contracts(tmp_path: Path) -> Path:
    """A copy of the contracts."""
    folder = tmp_path / "contracts"
    folder.mkdir()
    for path in PACKAGED.glob("*.odcs.yaml"):
        shutil.copyfile(path, folder / path.name)
    return folder


def test_nothing_has_drifted_from_the_contracts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_drift_is_shown_and_repaired(project: Path, contracts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    orders = contracts / "orders.odcs.yaml"
    orders.write_text(orders.read_text().replace("name: currency", "name: iso_currency"))
    arguments = ["--contracts", str(contracts), "--project", str(project)]

    assert main([*arguments, "--check"]) == 1
    shown = capsys.readouterr()
    assert "+          - name: iso_currency" in shown.out
    assert "python -m orchestration.dbt.sources" in shown.err

    assert main(arguments) == 0
    assert main([*arguments, "--check"]) == 0


def test_a_missing_file_is_drift(project: Path) -> None:
    (project / KEYS_FILE).unlink()
    assert main(["--check", "--project", str(project)]) == 1


def test_an_unreadable_contract_is_one_message(contracts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (contracts / "orders.odcs.yaml").write_text("name: [")
    assert main(["--contracts", str(contracts), "--check"]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_sources_say_what_the_contracts_say() -> None:
    contracts = ContractRegistry.load()
    sources, _ = generate(contracts)
    tables = {table["name"]: table for table in yaml.safe_load(sources.text)["sources"][0]["tables"]}

    assert set(tables) == {
        *contracts,
        *(f"{name}__deletes" for name, contract in contracts.items() if contract.lands_keys),
        "_loads",
    }
    orders = {column["name"]: column for column in tables["orders"]["columns"]}
    assert orders["total_amount"]["data_type"] == "numeric(14,2)"
    assert orders["order_id"]["data_type"] == "bigint"
    assert orders["placed_at"]["data_type"] == "timestamptz"
    email = next(column for column in tables["customers"]["columns"] if column["name"] == "email")
    assert email["config"]["meta"] == {"pii": True}
    assert all(tables[name]["config"]["freshness"] is None for name in contracts), "RAW does not know what was read"
    assert "freshness" not in tables["campaigns__deletes"].get("config", {})


def test_the_project_is_where_the_generator_writes() -> None:
    assert dbt_sources.PROJECT == PROJECT


@pytest.mark.slow
def test_a_contract_that_gives_deletions_up_shows_what_older_ones_had_deleted(
    raw: RawDatabase, contracts: Path, tmp_path: Path
) -> None:
    """`deletes: keys` to `none` and back, as docs/COST.md advises for tables that only grow."""
    copy = tmp_path / "dbt"
    shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns("target", "logs"))
    shop = open_shop(Random(1))
    shop.land(raw)
    present = sorted(raw.present("customers"))
    raw.land_keys("customers", [{"customer_id": number} for (number,) in present[1:]], shop.now)
    [(landed,)] = raw.query("select count(distinct customer_id) from RAW.customers")
    deleted = landed - len(present) + 1
    contract = contracts / "customers.odcs.yaml"
    with_keys = contract.read_text()
    for text, shown in (
        (with_keys, landed - deleted),
        (_without_keys(with_keys), landed),
        (with_keys, landed - deleted),
    ):
        contract.write_text(text)
        assert main(["--contracts", str(contracts), "--project", str(copy)]) == 0
        dbt = Dbt(tmp_path, project=copy, profiles=copy, variables={"DUCKDB_PATH": str(raw.path)})
        dbt.succeed("run", "--select", "stg_customers")
        assert raw.query("select count(*) from STAGING.stg_customers") == [(shown,)]


def _without_keys(text: str) -> str:
    document = yaml.safe_load(text)
    for item in document["schema"][0]["customProperties"]:
        if item["property"] == "deletes":
            item["value"] = "none"
    return yaml.safe_dump(document)
