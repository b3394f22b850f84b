"""Stages and file formats: their options, all of which are known or refused."""

from __future__ import annotations

from dataclasses import dataclass

from local.snowflake.emulator.errors import invalid_parameter, invalid_property, syntax_error, unsupported
from local.snowflake.emulator.sql.relations import ObjectName
from local.snowflake.emulator.sql.tokens import Tokens

_PARQUET_OPTIONS = {
    "COMPRESSION": ("AUTO", "SNAPPY", "NONE"),
    "SNAPPY_COMPRESSION": ("TRUE", "FALSE"),
    "BINARY_AS_TEXT": ("TRUE", "FALSE"),
    "USE_LOGICAL_TYPE": ("TRUE", "FALSE"),
    "USE_VECTORIZED_SCANNER": ("TRUE", "FALSE"),
    "TRIM_SPACE": ("FALSE",),
    "REPLACE_INVALID_CHARACTERS": ("FALSE",),
}
_OTHER_TYPES = ("CSV", "JSON", "AVRO", "ORC", "XML")


@dataclass(frozen=True)
class ParquetOptions:
    """How Parquet is read; Snowflake's defaults."""

    binary_as_text: bool = True
    use_logical_type: bool = False
    vectorized: bool = False

    @classmethod
    def of(cls, options: dict[str, str]) -> ParquetOptions:
        """From `{option: value}`. Raises SnowflakeError for what is unknown."""
        for name, value in options.items():
            if name not in _PARQUET_OPTIONS:
                raise invalid_parameter(name)
            if value not in _PARQUET_OPTIONS[name]:
                raise invalid_property(value, name)
        vectorized = options.get("USE_VECTORIZED_SCANNER", "FALSE") == "TRUE"
        binary_as_text = options.get("BINARY_AS_TEXT", "FALSE" if vectorized else "TRUE") == "TRUE"
        if vectorized and binary_as_text:
            raise invalid_property("TRUE", "BINARY_AS_TEXT")
        return cls(
            binary_as_text=binary_as_text,
            # The vectorised scanner always reads logical types.
            use_logical_type=vectorized or options.get("USE_LOGICAL_TYPE", "FALSE") == "TRUE",
            vectorized=vectorized,
        )


@dataclass
class FileFormat:
    name: ObjectName
    owner: str
    options: dict[str, str]
    comment: str = ""


@dataclass
class Stage:
    """An external stage. `format` are the options of its files' format; None for none."""

    name: ObjectName
    owner: str
    url: str
    integration: str | None
    format: dict[str, str] | None = None

    @property
    def bucket(self) -> str:
        return self.url.removeprefix("s3://").partition("/")[0]

    @property
    def prefix(self) -> str:
        return self.url.removeprefix("s3://").partition("/")[2]


def format_options(tokens: Tokens) -> dict[str, str]:
    """`(TYPE = PARQUET OPTION = value ...)`. Raises SnowflakeError for another type, and for the name of a format."""
    if not tokens.accept("("):
        raise unsupported("a file format by its name")
    options: dict[str, str] = {}
    while not tokens.accept(")"):
        tokens.accept(",")
        name = tokens.identifier()
        tokens.expect("=")
        if name in ("NULL_IF", "FORMAT_NAME"):
            raise unsupported(f"FILE_FORMAT with {name}")
        if name in options:
            raise syntax_error(f"duplicate option {name}")
        options[name] = tokens.value()
    check_type(options)
    return options


def check_type(options: dict[str, str]) -> None:
    """Only Parquet is emulated."""
    type_ = options.get("TYPE")
    if type_ is None:
        raise invalid_parameter("FILE_FORMAT without TYPE")
    if type_ in _OTHER_TYPES:
        raise unsupported(f"file format {type_}")
    if type_ != "PARQUET":
        raise invalid_property(type_, "TYPE")
    ParquetOptions.of({name: value for name, value in options.items() if name != "TYPE"})
