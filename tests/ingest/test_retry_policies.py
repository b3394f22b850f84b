"""No retry loop has numbers of its own, and the table in the documentation is made from the one module."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest import retry_policies
from ingest.retry_policies import ALL

ROOT = Path(__file__).parents[2]
EMULATOR = ROOT / "local" / "snowflake" / "emulator"
"""It stands for a system of others, with retries of its own."""
MODULES = [
    path
    for package in ("ingest", "local", "orchestration")
    for path in sorted((ROOT / package).rglob("*.py"))
    if path.relative_to(ROOT) != Path("ingest/retry_policies.py") and not path.is_relative_to(EMULATOR)
]
_NAMES = re.compile(r"tries|attempts|retry|retries|backoff|patience", re.IGNORECASE)
_LOOPS = (ast.While, ast.For)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_has_a_number_of_tries_or_a_wait_between_them(path: Path) -> None:
    assert list(numbers_of_retries(path.read_text())) == []


def numbers_of_retries(source: str) -> Iterator[str]:
    """Yield each place in a module with numbers of its own for retries or waits."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for name, value in _named_values(node):
            if _NAMES.search(name) and _has_number(value):
                yield f"line {node.lineno}: {name}"  # type: ignore[attr-defined]
        if isinstance(node, ast.ImportFrom) and node.module == "tenacity" and not _may_use_tenacity(source):
            yield f"line {node.lineno}: tenacity"
        if isinstance(node, _LOOPS):
            yield from _waits_after_a_failure(node)


def _may_use_tenacity(source: str) -> bool:
    return "ingest.retry_policies import" in source


def _named_values(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from ((target.id, value) for target in targets if isinstance(target, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name), value=value) if value is not None:
            yield name, value
        case ast.keyword(arg=str(name), value=value):
            yield name, value
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value, value
        case ast.FunctionDef(args=arguments) | ast.AsyncFunctionDef(args=arguments):
            yield from _defaults(arguments)


def _defaults(arguments: ast.arguments) -> Iterator[tuple[str, ast.expr]]:
    plain = [*arguments.posonlyargs, *arguments.args]
    for argument, default in zip(reversed(plain), reversed(arguments.defaults), strict=False):
        yield argument.arg, default
    for argument, kw_default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if kw_default is not None:
            yield argument.arg, kw_default


def _has_number(value: ast.expr) -> bool:
    """Return whether it is a number above 1, or contains one: a count or seconds, and no flag or limit such as
    `ge=0`.
    """
    inner: list[ast.expr] = [value]
    if isinstance(value, ast.Call):
        inner = [*value.args, *(item.value for item in value.keywords if item.arg == "default")]
    return any(
        isinstance(part, ast.Constant) and isinstance(part.value, int | float) and part.value > 1
        for item in inner
        for part in ast.walk(item)
    )


def _waits_after_a_failure(loop: ast.While | ast.For) -> Iterator[str]:
    """Yield sleeps within an `except` of a loop whose seconds are not a policy's."""
    for handler in ast.walk(loop):
        if isinstance(handler, ast.ExceptHandler):
            for call in ast.walk(handler):
                if isinstance(call, ast.Call) and "sleep" in ast.unparse(call.func) and not _is_a_policy(call.args[0]):
                    yield f"line {call.lineno}: {ast.unparse(call)}"


def _is_a_policy(seconds: ast.expr) -> bool:
    return isinstance(seconds, ast.Attribute) and seconds.attr in ("first_wait", "longest_wait")


@pytest.mark.parametrize(
    "source",
    [
        "_TRIES = 3",
        "_UNREACHABLE_ATTEMPTS = {1: 10}",
        "retry_seconds: float = Field(default=10.0, ge=0)",
        "Config(retries={'mode': 'standard', 'max_attempts': 4})",
        "task.with_options(retries=2)",
        "def wait(*, max_attempts: int = 5): ...",
        "from tenacity import retry",
        "while True:\n    try:\n        call()\n    except OSError:\n        time.sleep(2)",
        "for _ in range(n):\n    try:\n        call()\n    except OSError:\n        time.sleep(_WAIT)",
    ],
)
def test_a_number_elsewhere_is_found(source: str) -> None:
    assert list(numbers_of_retries(source))


def test_the_table_in_the_documentation_is_the_one_that_the_module_makes() -> None:
    page = (ROOT / "docs" / "ARCHITECTURE.md").read_text()
    (shown,) = re.findall(r"<!-- python -m ingest.retry_policies -->\n(.*?)<!-- end -->", page, re.DOTALL)
    assert shown == retry_policies.table()


def test_every_policy_is_used(request: pytest.FixtureRequest) -> None:
    sources = "\n".join(path.read_text() for path in MODULES)
    names = [name for name, value in vars(retry_policies).items() if value in ALL and name != "ALL"]
    assert len(names) == len(ALL) > 10
    assert [name for name in names if not re.search(rf"\b{name}\b\.|\b{name}[,)\]}}]", sources)] == []
