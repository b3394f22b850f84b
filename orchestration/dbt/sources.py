"""Writes dbt's sources, and each stream's key, from the contracts.

python -m orchestration.dbt.sources            # write the files
python -m orchestration.dbt.sources --check    # exit 1 and show a diff where they have drifted
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ingest.contracts.model import Column, Mode, StreamContract
from ingest.contracts.registry import PACKAGED, ContractRegistry
from ingest.contracts.types import Kind, LandingType
from ingest.errors import PlatformError

PROJECT = Path(__file__).resolve().parents[2] / "dbt"
SOURCES_FILE = Path("models/staging/_sources.yml")
KEYS_FILE = Path("macros/raw/streams.sql")

_GENERATED = "Generated from ingest/contracts by `python -m orchestration.dbt.sources`: change the contracts instead."

_META = {
    "_batch_id": ("varchar", "The batch that landed the row."),
    "_log_version": ("bigint", "Version of the stream's commit log that landed the row; higher is later."),
    "_row_number": ("bigint", "Position of the row within its version; higher is later."),
    "_extracted_at": ("timestamptz", "When the row was read from its source."),
}
_LEDGER = {
    "stream": ("varchar", "The stream."),
    "version": ("bigint", "Version of the stream's commit log."),
    "kind": ("varchar", "data, snapshot, deletes, backfill or replay; keys of an older release."),
    "rows": ("bigint", "Rows loaded."),
    "quarantined": ("bigint", "Records of the batch that broke the contract and were not landed."),
    "files": ("bigint", "Files loaded."),
    "bytes": ("bigint", "Size of the files."),
    "batch_id": ("varchar", "The batch that made the version."),
    "run_id": ("varchar", "The run that made the version."),
    "contract_version": ("varchar", "Version of the contract that the batch was landed under."),
    "committed_at": ("timestamptz", "When the version was committed to the lake."),
    "loaded_at": ("timestamptz", "When the version was loaded into RAW."),
}
_NEUTRAL = {
    Kind.INT16: "smallint",
    Kind.INT32: "integer",
    Kind.INT64: "bigint",
    Kind.FLOAT32: "real",
    Kind.FLOAT64: "double",
    Kind.TEXT: "varchar",
}


@dataclass(frozen=True)
class GeneratedFile:
    """A file of the dbt project: its path within the project, and the text that it must have."""

    path: Path
    text: str

    def drift(self, project: Path) -> str:
        """Return a unified diff from the file in `project` to the generated text; empty if they are the same."""
        path = project / self.path
        present = path.read_text(encoding="utf-8") if path.exists() else ""
        return "".join(
            difflib.unified_diff(
                present.splitlines(keepends=True),
                self.text.splitlines(keepends=True),
                fromfile=str(path),
                tofile="from the contracts",
            )
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Return the exit code: 0, 1 for drift under --check, 2 for a contract that cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m orchestration.dbt.sources", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and show a diff on drift")
    parser.add_argument("--contracts", type=Path, default=PACKAGED, help="folder of the contracts")
    parser.add_argument("--project", type=Path, default=PROJECT, help="folder of the dbt project")
    given = parser.parse_args(arguments)
    try:
        files = generate(ContractRegistry.load(given.contracts))
    except PlatformError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    if given.check:
        return _check(files, given.project)
    for file in files:
        (given.project / file.path).write_text(file.text, encoding="utf-8")
        print(f"wrote {given.project / file.path}")
    return 0


def generate(contracts: Mapping[str, StreamContract]) -> tuple[GeneratedFile, ...]:
    """Return the generated files of the dbt project for these contracts."""
    ordered = list(contracts.values())
    return GeneratedFile(SOURCES_FILE, sources_yaml(ordered)), GeneratedFile(KEYS_FILE, keys_macro(ordered))


def sources_yaml(contracts: Sequence[StreamContract]) -> str:
    """Return the YAML of the source `raw`: a table per stream, its tombstone table if it has one, and the ledger."""
    tables = [table for contract in contracts for table in _tables(contract)]
    document = {
        "sources": [
            {
                "name": "raw",
                "description": "The lake's streams as loaded: every landed version of every row, append-only.",
                "database": _Rendered("{{ target.database }}"),
                "schema": _Rendered("{{ env_var('RAW_SCHEMA', 'RAW') }}"),
                "tables": [*tables, _ledger_table()],
            }
        ]
    }
    body = yaml.dump(_as_text(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=116)
    return f"# {_GENERATED}\n{body}"


def keys_macro(contracts: Sequence[StreamContract]) -> str:
    """Return the SQL of the macros stream_key(stream), stream_finds_deletions(stream) and stream_is_whole(stream)."""
    keys = "".join(f"        '{contract.stream}': {_jinja_list(contract.key)},\n" for contract in contracts)
    with_deletions = [contract.stream for contract in contracts if contract.lands_keys]
    whole = [contract.stream for contract in contracts if contract.spec.mode is Mode.SNAPSHOT]
    return f"""{{#- {_GENERATED} -#}}

{{#- The columns that identify a row of a stream, in key order. -#}}
{{% macro stream_key(stream) -%}}
    {{{{ return({{
{keys}    }}[stream]) }}}}
{{%- endmacro %}}

{{#- Whether the stream's deletions are found by a pass over all keys (raw.<stream>__deletes). -#}}
{{% macro stream_finds_deletions(stream) -%}}
    {{{{ return(stream in {with_deletions}) }}}}
{{%- endmacro %}}

{{#- Whether the stream is landed whole on each run: its newest snapshot is all of it. -#}}
{{% macro stream_is_whole(stream) -%}}
    {{{{ return(stream in {whole}) }}}}
{{%- endmacro %}}
"""


def _jinja_list(texts: Iterable[str]) -> str:
    """Return a list of texts in Jinja.

    It escapes text that Jinja, or dbt's own splitter of macros, could take for syntax.
    """
    return f"[{', '.join(map(_jinja_text, texts))}]"


def _jinja_text(text: str) -> str:
    return "'" + re.sub(r"[^0-9A-Za-z_ -]", lambda match: f"\\U{ord(match[0]):08x}", text) + "'"


class _Rendered(str):
    """A text that dbt renders. In all other texts Jinja's syntax is escaped."""

    __slots__ = ()


def _as_text(value: Any) -> Any:
    """Return a document whose texts dbt's rendering leaves as they are in the contracts."""
    if isinstance(value, dict):
        return {key: _as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_text(item) for item in value]
    if isinstance(value, _Rendered):
        return str(value)
    return re.sub(r"\{(?=[{%#])", "{{ '{' }}", value) if isinstance(value, str) else value


def _check(files: Sequence[GeneratedFile], project: Path) -> int:
    diffs = [diff for file in files if (diff := file.drift(project))]
    for diff in diffs:
        print(diff)
    if diffs:
        print(
            "The dbt project has drifted from the contracts. Run `python -m orchestration.dbt.sources`.",
            file=sys.stderr,
        )
    return 1 if diffs else 0


def _tables(contract: StreamContract) -> list[dict[str, Any]]:
    tables = [
        {
            "name": contract.stream,
            "description": f"{contract.description} {contract.grain} Every landed version of it.",
            "config": {
                # RAW shows which rows landed last, not how far a quiet table was read. The flow `maintenance` judges
                # freshness.
                "freshness": None,
                "meta": {"contract_version": contract.version, "source": contract.source_object},
            },
            "columns": [*map(_column, contract.columns), *_described(_META)],
        }
    ]
    if contract.lands_keys:
        tables.append(
            {
                "name": f"{contract.stream}__deletes",
                "description": f"Tombstones of {contract.stream}: keys found to have left the source, as of a version.",
                "columns": [*map(_column, contract.key_columns), *_described(_META)],
            }
        )
    return tables


def _ledger_table() -> dict[str, Any]:
    return {
        "name": "_loads",
        "description": "The ledger: one row per stream and version that has been loaded.",
        "config": {
            # The check covers all streams together: a day without new rows in one of them is no fault.
            "freshness": {"warn_after": {"count": 24, "period": "hour"}},
            "loaded_at_field": "loaded_at",
        },
        "columns": _described(_LEDGER),
    }


def _column(column: Column) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": column.name,
        "description": column.description,
        "data_type": _neutral_type(column.landing),
    }
    if column.pii:
        described["config"] = {"meta": {"pii": True}}
    return described


def _described(columns: Mapping[str, tuple[str, str]]) -> list[dict[str, Any]]:
    return [
        {"name": name, "description": description, "data_type": data_type}
        for name, (data_type, description) in columns.items()
    ]


def _neutral_type(landing: LandingType) -> str:
    """Return the type in the SQL of both warehouses. It is documentation, because the loader makes the tables."""
    if landing.kind is Kind.DECIMAL:
        return f"numeric({landing.precision},{landing.scale})"
    return _NEUTRAL.get(landing.kind, landing.kind.value)


class _Dumper(yaml.SafeDumper):
    """A YAML writer that indents lists within mappings, and repeats text instead of using anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


if __name__ == "__main__":
    sys.exit(main())
