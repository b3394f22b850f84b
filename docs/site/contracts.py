"""Checks the contracts against the schema of the Open Data Contract Standard, and writes a page for each.

`python docs/site/contracts.py FOLDER [CONTRACTS]`, in the environment that has datacontract-cli. The
schema is in its wheel: no network.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from datacontract.data_contract import DataContract
from datacontract.export.exporter import ExportFormat
from open_data_contract_standard.model import OpenDataContractStandard

OURS = Path(__file__).resolve().parents[2] / "ingest" / "contracts"
TEMPLATE = Path(__file__).with_name("contract.md.jinja")
INDEX = """# Contracts

One contract for each stream, in the [Open Data Contract Standard](https://bitol.io): what its rows are, which
columns they have, and how they land. [Data contracts](../docs/DATA_CONTRACTS.md) explains the terms.

| stream | at the source | a row is | columns |
|---|---|---|---|
"""


def main(folder: Path, contracts: Path = OURS) -> int:
    """Write the pages of all contracts. Return 1, without writing any, if a contract does not follow the standard."""
    # datacontract-cli logs each fault that it returns as well.
    logging.disable()
    paths = sorted(contracts.glob("*.odcs.yaml"))
    broken = [line for path in paths for line in _faults(path)]
    for line in broken:
        print(line, file=sys.stderr)
    if broken or not paths:
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    index = INDEX
    for path in paths:
        page = DataContract(data_contract_file=str(path)).export(ExportFormat.custom, template=TEMPLATE)
        (folder / f"{path.name.removesuffix('.odcs.yaml')}.md").write_text(str(page), encoding="utf-8")
        index += _line(OpenDataContractStandard.from_file(str(path)))
    (folder / "index.md").write_text(index, encoding="utf-8")
    return 0


def _faults(path: Path) -> list[str]:
    run = DataContract(data_contract_file=str(path), all_errors=True).lint()
    return [f"{path.name}: {check.reason or check.name}" for check in run.checks if check.result != "passed"]


def _line(contract: OpenDataContractStandard) -> str:
    [table] = contract.schema_ or []
    grain = (table.dataGranularityDescription or "").removeprefix("One row per ").rstrip(".").replace("|", "\\|")
    return (
        f"| [{contract.name}]({contract.id}.md) | {table.physicalType} `{table.physicalName}` | {grain} "
        f"| {len(table.properties or [])} |\n"
    )


if __name__ == "__main__":
    raise SystemExit(main(*map(Path, sys.argv[1:])))
