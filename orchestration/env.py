"""`terraform output -json app_env | python -m orchestration.env`: writes Terraform's outputs to `.env` as settings."""

from __future__ import annotations

import io
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer
from dotenv.parser import parse_stream
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from ingest.disk import disk_errors
from ingest.errors import ConfigurationError, PlatformError
from ingest.settings import LakeSettings
from ingest.terminal import fail
from orchestration.settings import OrchestrationSettings, Schemas
from orchestration.warehouse.snowflake.settings import SnowflakeSettings

_SETTINGS: tuple[type[BaseSettings], ...] = (LakeSettings, OrchestrationSettings, Schemas, SnowflakeSettings)
_COMMAND = "`terraform output -json app_env | python -m orchestration.env`"
_PLAIN = re.compile(r"[A-Za-z0-9_./:@+-]*")
"""What needs no quotes, neither in `.env` nor in a shell that sources it. All names that Terraform makes are so."""
_ACCESS_KEY = re.compile(r"(AKIA|ASIA)[A-Z0-9]{16}")
_BEFORE_NAME = re.compile(r"\s*(export\s+)?")
_PRIVATE = 0o600

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(name="python -m orchestration.env")
def write(
    file: Annotated[Path, typer.Option("--file", "-f", help="The file to write; its other lines stay.")] = Path(".env"),
) -> None:
    """Write Terraform's output `app_env`, as JSON on standard input, into .env. The output contains no secret.

    Exit codes: 0 written, 2 bad input.
    """
    if sys.stdin.isatty():
        raise ConfigurationError("there is nothing on standard input", hint=f"Run {_COMMAND}.")
    given = parse_output(sys.stdin.read())
    written = update(file, given)
    typer.echo(f"{written} has {len(given)} settings from Terraform.")


def parse_output(text: str) -> dict[str, str]:
    """Return settings by variable, from the JSON of `terraform output -json app_env`.

    Raises ConfigurationError for any other JSON, for a variable that is no setting here or is a secret, and for a value
    that would need quotes.
    """
    if not text.strip():
        raise ConfigurationError(
            "there is nothing on standard input",
            hint=f"Has `terraform apply` been run? Then, in terraform/: {_COMMAND}.",
        )
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"standard input is not JSON: {error}", hint=f"Run {_COMMAND}.") from None
    if not isinstance(content, dict) or not content:
        raise ConfigurationError("standard input is no JSON object of settings", hint=f"Run {_COMMAND}.")
    if isinstance(content.get("app_env"), dict):
        raise ConfigurationError("these are all of Terraform's outputs, not app_env alone", hint=f"Run {_COMMAND}.")
    return {variable: _checked(variable, value) for variable, value in content.items()}


def update(file: Path, given: Mapping[str, str]) -> Path:
    """Replace or add the settings in `file` atomically. Only its owner may read it afterwards.

    Return the file that was written, which is a symbolic link's target. Raises ConfigurationError.
    """
    target = file.resolve()
    try:
        before = target.read_text(encoding="utf-8") if target.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {target}: {error}") from error
    _write_whole(target, "".join(_lines(before, given)))
    return target


def _checked(variable: str, value: object) -> str:
    secret = _known_variables().get(variable)
    if secret is None:
        raise ConfigurationError(f"'{variable}' is not a setting of these programs", hint="See .env.example.")
    if secret or (isinstance(value, str) and _ACCESS_KEY.fullmatch(value)):
        raise ConfigurationError(
            f"{variable} is a secret, and Terraform's outputs are not the place for one",
            hint="Take it out of the output app_env; put secrets into .env or the environment by hand.",
        )
    if not isinstance(value, str) or not _PLAIN.fullmatch(value):
        raise ConfigurationError(f"the value of {variable} is not a plain name", hint="See the output app_env.")
    return value


def _known_variables() -> dict[str, bool]:
    """Return all known variables, each with whether it is a secret."""
    return {
        str(field.validation_alias): SecretStr in (field.annotation, *getattr(field.annotation, "__args__", ()))
        for settings in _SETTINGS
        for field in settings.model_fields.values()
        if field.validation_alias
    }


def _lines(before: str, given: Mapping[str, str]) -> Iterator[str]:
    """Yield the file's lines with the given settings in their old places, and the new settings at the end."""
    remaining = dict(given)
    last = ""
    for binding in parse_stream(io.StringIO(before)):
        if binding.key not in given:
            last = binding.original.string
            yield last
        elif binding.key in remaining:  # a second line of the same name would override the first
            before_name = _BEFORE_NAME.match(binding.original.string)
            last = f"{before_name[0] if before_name else ''}{binding.key}={remaining.pop(binding.key)}\n"
            yield last
    if remaining and last and not last.endswith("\n"):
        yield "\n"
    for variable, value in remaining.items():
        yield f"{variable}={value}\n"


def _write_whole(target: Path, content: str) -> None:
    with disk_errors(target.parent):
        try:
            handle, draft = tempfile.mkstemp(prefix=f"{target.name}.", dir=target.parent)
        except FileNotFoundError as error:
            raise ConfigurationError(f"there is no directory {target.parent}") from error
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            Path(draft).chmod(_PRIVATE)
            Path(draft).replace(target)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise


def main() -> None:
    """Run the command line; a PlatformError becomes one message and its exit code."""
    try:
        app()
    except PlatformError as error:
        fail(error)


if __name__ == "__main__":
    main()
