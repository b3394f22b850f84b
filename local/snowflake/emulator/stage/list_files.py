"""LIST @stage/path: the files below it, if the role may use the stage and its integration."""

from __future__ import annotations

from fakesnow import statement_type

from local.snowflake.emulator.account.context import Context
from local.snowflake.emulator.errors import unsupported
from local.snowflake.emulator.sql.results import Result, typed_rows
from local.snowflake.emulator.stage.s3 import Listing
from local.snowflake.emulator.stage.stage_statements import stage_and_path, usable_integration

_TEXT, _NUMBER = "VARCHAR(16777216)", "NUMBER(38,0)"
_COLUMNS = (("name", _TEXT), ("size", _NUMBER), ("md5", _TEXT), ("last_modified", _TEXT))


def list_files(context: Context) -> Result:
    """Return the files by their whole URL, in the order of their keys. It needs no warehouse."""
    stage, path = stage_and_path(context, context.tokens, "LIST")
    if not context.tokens.done:
        raise unsupported(f"LIST with {context.tokens.rest()[:60]}")
    listing = Listing(usable_integration(context, stage), stage)
    rows = [
        (f"s3://{stage.bucket}/{file.key}", file.size, file.etag, f"{file.modified:%a, %d %b %Y %H:%M:%S} GMT")
        for file in listing.below(path)
    ]
    return typed_rows(_COLUMNS, rows, statement_type.SELECT)
