"""The account's errors: Snowflake's error number, SQLSTATE and text.

Every error that leaves the emulator is one of these, because the connector retries an HTTP 500 for ever.
"""

from __future__ import annotations


class SnowflakeError(Exception):
    """An error as a client sees it. `errno` has at most six digits."""

    def __init__(self, errno: int, sqlstate: str, message: str) -> None:
        super().__init__(message)
        self.errno = errno
        self.sqlstate = sqlstate
        self.message = message

    @property
    def code(self) -> str:
        return f"{self.errno:06d}"


def syntax_error(detail: str) -> SnowflakeError:
    return SnowflakeError(1003, "42000", f"SQL compilation error:\nsyntax error: {detail}")


def unsupported(what: str) -> SnowflakeError:
    """Return the error for a feature that the emulator lacks, although Snowflake may have it."""
    return SnowflakeError(2, "0A000", f"Unsupported feature '{what}' (of the emulated account).")


def unknown_function(name: str) -> SnowflakeError:
    """Return the error for an unknown function, including Snowflake's functions that `sql.strictness` does not list."""
    return SnowflakeError(
        2140,
        "42601",
        f"SQL compilation error:\nUnknown function {name.upper()}\n(or one that is not emulated)",
    )


def invalid_identifier(name: str) -> SnowflakeError:
    return SnowflakeError(904, "42000", f"SQL compilation error: error line 1\ninvalid identifier '{name}'")


def no_such_object(kind: str, name: str) -> SnowflakeError:
    """Return the error for an object that does not exist or that the role may not see.

    Snowflake does not distinguish these.
    """
    errno, state = (2043, "02000") if kind in _ACCOUNT_OBJECTS else (2003, "42S02" if kind in _RELATIONS else "02000")
    return SnowflakeError(errno, state, f"SQL compilation error:\n{kind} '{name}' does not exist or not authorized.")


def already_exists(name: str) -> SnowflakeError:
    return SnowflakeError(2002, "42710", f"SQL compilation error:\nObject '{name}' already exists.")


def insufficient_privileges(kind: str, name: str) -> SnowflakeError:
    return SnowflakeError(
        3001, "42501", f"SQL access control error:\nInsufficient privileges to operate on {kind.lower()} '{name}'"
    )


def no_current(kind: str, doing: str) -> SnowflakeError:
    errno = 90105 if kind == "database" else 90106
    return SnowflakeError(
        errno,
        "22000",
        f"Cannot perform {doing}. This session does not have a current {kind}. "
        f"Call 'USE {kind.upper()}', or use a qualified name.",
    )


def operation_cannot_be_performed() -> SnowflakeError:
    """Return the error of USE and SHOW for a database or schema that does not exist."""
    return SnowflakeError(
        2043, "02000", "SQL compilation error:\nObject does not exist, or operation cannot be performed."
    )


def invalid_property(value: str, name: str) -> SnowflakeError:
    return SnowflakeError(1008, "42601", f"SQL compilation error:\ninvalid value [{value}] for parameter '{name}'")


def invalid_parameter(name: str) -> SnowflakeError:
    return SnowflakeError(1006, "42601", f"SQL compilation error:\ninvalid property '{name}'")


_RELATIONS = {"Object", "Table", "View"}
_ACCOUNT_OBJECTS = {"Warehouse", "User", "Integration"}
