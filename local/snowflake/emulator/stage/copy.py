"""COPY INTO table FROM @stage: Parquet, columns matched by name, all or nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa
from fakesnow import statement_type

from local.snowflake.emulator.account.context import Context
from local.snowflake.emulator.account.doubts import Doubt
from local.snowflake.emulator.account.history import LoadedFile
from local.snowflake.emulator.account.locks import LockMode
from local.snowflake.emulator.account.stage_objects import Options, ParquetOptions, Stage, format_options
from local.snowflake.emulator.errors import (
    SnowflakeError,
    invalid_parameter,
    invalid_property,
    syntax_error,
    unsupported,
)
from local.snowflake.emulator.sql.relations import ObjectName, Relation, quoted
from local.snowflake.emulator.sql.results import Result, status, typed_rows
from local.snowflake.emulator.sql.tokens import Tokens, texts
from local.snowflake.emulator.stage.parquet import read_file
from local.snowflake.emulator.stage.s3 import Listing, StagedFile
from local.snowflake.emulator.stage.stage_statements import stage_and_path, usable_integration
from local.snowflake.emulator.tables.execute import run

MAX_FILES = 1000
"""Snowflake takes at most so many names in FILES."""
_NOT_EMULATED = (
    "PATTERN", "PURGE", "TRUNCATECOLUMNS", "RETURN_FAILED_ONLY", "ENFORCE_LENGTH", "LOAD_UNCERTAIN_FILES", "SIZE_LIMIT",
    "VALIDATION_MODE", "INCLUDE_METADATA", "FILE_PROCESSOR", "LOAD_MODE",
)  # fmt: skip
_VIEW = "COPY_ROWS"
_TEXT, _NUMBER = "VARCHAR(16777216)", "NUMBER(38,0)"
_COLUMNS = (
    ("file", _TEXT), ("status", _TEXT), ("rows_parsed", _NUMBER), ("rows_loaded", _NUMBER), ("error_limit", _NUMBER),
    ("errors_seen", _NUMBER), ("first_error", _TEXT), ("first_error_line", _NUMBER),
    ("first_error_character", _NUMBER), ("first_error_column_name", _TEXT),
)  # fmt: skip


@dataclass
class _Copy:
    """A parsed COPY statement."""

    target: ObjectName
    stage: Stage
    path: str
    files: list[str] = field(default_factory=list)
    format: Options | None = None
    match: str = "NONE"
    force: bool = False
    seen: set[str] = field(default_factory=set)


def copy_into(context: Context) -> Result:
    """COPY INTO name FROM @stage[/path] options. Raises SnowflakeError that names the file; then nothing is loaded."""
    statement = _parse(context)
    relation = context.relation(statement.target, "Table")
    if relation.kind != "TABLE":
        raise unsupported("COPY INTO a view")
    context.require_relation(relation, "INSERT")
    context.require_warehouse()
    options = ParquetOptions.of(_format_options(statement))
    if statement.match == "NONE":
        raise unsupported("COPY of Parquet without MATCH_BY_COLUMN_NAME")
    if not statement.files:
        raise unsupported("COPY of all files of a place: name them in FILES")
    if not statement.force:
        raise unsupported("COPY without FORCE = TRUE, which leaves out what was loaded in the last 64 days")
    listing = Listing(usable_integration(context, statement.stage), statement.stage)
    base = statement.path.rstrip("/") + "/" if statement.path else ""
    chosen = [listing.head(base + name) for name in statement.files]
    tables = []
    for file in chosen:
        context.session.check_interrupted()
        exact_case = statement.match == "CASE_SENSITIVE"
        tables.append(
            read_file(listing.read(file), file, relation, options, exact_case=exact_case, doubts=context.account.doubts)
        )
    context.lock(relation.name, LockMode.INSERT)
    context.session.spend(context.account.copy_seconds)
    _insert(context, statement, relation, list(zip(chosen, tables, strict=True)))
    rows = [
        (_reported(statement.stage, file), "LOADED", table.num_rows, table.num_rows, 1, 0, None, None, None, None)
        for file, table in zip(chosen, tables, strict=True)
    ]
    if Doubt.COPY_COMMITS in context.account.doubts:
        context.session.transaction.commit()
    if Doubt.COPY_ANSWERS_IN_SHORT in context.account.doubts:
        return status(f"{len(rows)} files were loaded.")
    return typed_rows(_COLUMNS, rows, statement_type.COPY)


def _parse(context: Context) -> _Copy:
    tokens = context.tokens
    if tokens.word() == "@":
        raise unsupported("COPY INTO a location")
    target = context.session.resolve(tokens.name(), "COPY")
    if tokens.word() == "(":
        raise unsupported("COPY INTO with a list of columns")
    tokens.expect("FROM")
    if tokens.word() == "(":
        raise unsupported("COPY INTO ... FROM (SELECT ...)")
    statement = _Copy(target, *stage_and_path(context, tokens, "COPY"))
    while not tokens.done:
        tokens.accept(",")
        _option(context, tokens, statement)
    return statement


def _option(context: Context, tokens: Tokens, statement: _Copy) -> None:
    name = "FILE_FORMAT" if tokens.accept("FILE_FORMAT") else tokens.identifier()
    if name in statement.seen:
        raise syntax_error(f"duplicate option {name}")
    statement.seen.add(name)
    tokens.expect("=")
    if name == "FILES":
        statement.files = texts(tokens)
        if len(statement.files) > MAX_FILES:
            raise SnowflakeError(
                1003,
                "42000",
                f"SQL compilation error:\nMaximum number of files in a FILES list is {MAX_FILES}, but "
                f"{len(statement.files)} were given.",
            )
    elif name == "FILE_FORMAT":
        statement.format = format_options(tokens)
    elif name == "MATCH_BY_COLUMN_NAME":
        statement.match = _choice(tokens, name, ("CASE_INSENSITIVE", "CASE_SENSITIVE", "NONE"))
    elif name == "ON_ERROR":
        if (value := tokens.value()) != "ABORT_STATEMENT":
            raise unsupported(f"ON_ERROR = {value}")
    elif name == "FORCE":
        statement.force = _choice(tokens, name, ("TRUE", "FALSE")) == "TRUE"
    elif name in _NOT_EMULATED:
        raise unsupported(name)
    else:
        raise invalid_parameter(name)


def _choice(tokens: Tokens, name: str, allowed: tuple[str, ...]) -> str:
    value = tokens.value().upper()
    if value not in allowed:
        raise invalid_property(value, name)
    return value


def _format_options(statement: _Copy) -> Options:
    """Return the options of the statement's format, or else of the stage's."""
    chosen = statement.format if statement.format is not None else statement.stage.format
    if chosen is None:
        raise unsupported("file format CSV, which is what a stage without FILE_FORMAT has")
    return {name: value for name, value in chosen.items() if name != "TYPE"}


def _insert(context: Context, statement: _Copy, relation: Relation, loaded: list[tuple[StagedFile, pa.Table]]) -> None:
    rows = pa.concat_tables([table for _, table in loaded])
    files = [
        LoadedFile(relation.name, str(statement.stage.name), file.path, file.etag, file.size, table.num_rows, "Loaded")
        for file, table in loaded
    ]
    pending = context.session.transaction.pending_loads
    before = len(pending)
    pending += files
    context.session.views[_VIEW] = rows
    names = ", ".join(quoted(name) for name in rows.column_names)
    try:
        run(context, f"INSERT INTO {relation.duckdb} ({names}) SELECT {names} FROM temp.main.{_VIEW}", wrote=True)
    except SnowflakeError:
        del pending[before:]
        raise


def _reported(stage: Stage, file: StagedFile) -> str:
    """Return a file's name in COPY's result: its whole URL."""
    return f"s3://{stage.bucket}/{file.key}"
