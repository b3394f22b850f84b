"""Full names, columns, tables and views, with properties that DuckDB does not keep, and their names in DuckDB."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(frozen=True, order=True)
class ObjectName:
    """The full name of a table, view, stage or file format."""

    database: str
    schema: str
    name: str

    def __str__(self) -> str:
        return ".".join(_quoted_if_needed(part) for part in (self.database, self.schema, self.name))

    @property
    def duckdb(self) -> str:
        return ".".join(quoted(part) for part in (self.database, self.schema, self.name))


@dataclass
class Column:
    """A column. `type` is in Snowflake's spelling."""

    name: str
    type: str
    nullable: bool = True
    comment: str | None = None


@dataclass
class Relation:
    """A table or view. A `temporary` one belongs to a session and is not in the catalog."""

    name: ObjectName
    kind: str
    columns: list[Column]
    owner: str
    transient: bool = False
    temporary: bool = False
    secure: bool = False
    comment: str | None = None
    cluster_by: str = ""
    text: str = ""
    primary_key: tuple[str, ...] = ()
    created_on: datetime = field(default_factory=lambda: datetime.now(UTC))
    last_altered: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def duckdb(self) -> str:
        """The relation's name in DuckDB."""
        return f"temp.main.{quoted(str(self.name))}" if self.temporary else self.name.duckdb

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)


def quoted(name: str) -> str:
    """Return a name as an identifier in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def _quoted_if_needed(name: str) -> str:
    plain = name.replace("_", "A").replace("$", "A")
    return (
        name if plain.isalnum() and plain.isascii() and name == name.upper() and not name[0].isdigit() else quoted(name)
    )
