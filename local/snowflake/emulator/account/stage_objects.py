"""Stages and file formats. Each of their options is either known or refused."""

from __future__ import annotations

from dataclasses import dataclass

from local.snowflake.emulator.errors import invalid_parameter, invalid_property, syntax_error, unsupported
from local.snowflake.emulator.sql.relations import ObjectName
from local.snowflake.emulator.sql.tokens import Tokens, texts

_PARQUET_OPTIONS = {
    "COMPRESSION": ("AUTO", "SNAPPY", "NONE"),
    "SNAPPY_COMPRESSION": ("TRUE", "FALSE"),
    "BINARY_AS_TEXT": ("TRUE", "FALSE"),
    "USE_LOGICAL_TYPE": ("TRUE", "FALSE"),
    "USE_VECTORIZED_SCANNER": ("TRUE", "FALSE"),
    "TRIM_SPACE": ("FALSE",),
    "REPLACE_INVALID_CHARACTERS": ("FALSE",),
}
NULL_IF = ("\\N",)
"""The default of Snowflake ("COPY INTO <table>", TYPE = PARQUET)."""
Options = dict[str, str | tuple[str, ...]]
"""NULL_IF has several texts, any other option one word."""
_OTHER_TYPES = ("CSV", "JSON", "AVRO", "ORC", "XML")


@dataclass(frozen=True)
class ParquetOptions:
    """The options for reading Parquet, with Snowflake's defaults."""

    binary_as_text: bool = True
    use_logical_type: bool = False
    vectorized: bool = False
    null_if: tuple[str, ...] = NULL_IF
    """Texts that are loaded as NULL, where columns are matched by name."""

    @classmethod
    def of(cls, options: Options) -> ParquetOptions:
        """Return the options for `{option: value}`. Raises SnowflakeError for an unknown option."""
        for name, value in options.items():
            if name == "NULL_IF":
                continue
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
            null_if=tuple(options.get("NULL_IF", NULL_IF)),
        )


@dataclass
class FileFormat:
    name: ObjectName
    owner: str
    options: Options
    comment: str = ""


@dataclass
class Stage:
    """An external stage. `format` holds the options of its files' format, None if it has none."""

    name: ObjectName
    owner: str
    url: str
    integration: str | None
    format: Options | None = None

    @property
    def bucket(self) -> str:
        return self.url.removeprefix("s3://").partition("/")[0]

    @property
    def prefix(self) -> str:
        return self.url.removeprefix("s3://").partition("/")[2]


def format_options(tokens: Tokens) -> Options:
    """Parse `(TYPE = PARQUET OPTION = value ...)`.

    Raises SnowflakeError for another type, and for the name of a format.
    """
    if not tokens.accept("("):
        raise unsupported("a file format by its name")
    options: Options = {}
    while not tokens.accept(")"):
        tokens.accept(",")
        name = tokens.identifier()
        tokens.expect("=")
        if name == "FORMAT_NAME":
            raise unsupported(f"FILE_FORMAT with {name}")
        if name in options:
            raise syntax_error(f"duplicate option {name}")
        options[name] = option_value(tokens, name)
    check_type(options)
    return options


def option_value(tokens: Tokens, name: str) -> str | tuple[str, ...]:
    """Return the value of a format's option."""
    return tuple(texts(tokens)) if name == "NULL_IF" else tokens.value()


def check_type(options: Options) -> None:
    """Raise SnowflakeError unless the type is Parquet, the only emulated one."""
    type_ = options.get("TYPE")
    if type_ is None:
        raise invalid_parameter("FILE_FORMAT without TYPE")
    if type_ in _OTHER_TYPES:
        raise unsupported(f"file format {type_}")
    if type_ != "PARQUET":
        raise invalid_property(type_, "TYPE")
    ParquetOptions.of({name: value for name, value in options.items() if name != "TYPE"})
