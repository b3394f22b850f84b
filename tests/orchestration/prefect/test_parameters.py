"""The flow's parameters are the same in its signature, its docstring, its validation and its command line."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator

import pytest
import structlog

from orchestration.prefect.command import main
from orchestration.prefect.flow import dp_maiblaze_demo_dev_flow
from orchestration.prefect.run.parameters import RunParameters
from orchestration.report import RunReport

FIELDS = RunParameters.model_fields


def test_the_flows_signature_has_the_parameters_that_are_validated_with_their_defaults() -> None:
    parameters = inspect.signature(dp_maiblaze_demo_dev_flow.fn).parameters

    assert list(parameters) == list(FIELDS)
    assert RunParameters.of(**{name: given.default for name, given in parameters.items()}) == RunParameters()


def test_the_flows_docstring_describes_each_parameter() -> None:
    described = re.findall(r"^ +(\w+) \([^)]+\): ", inspect.getdoc(dp_maiblaze_demo_dev_flow.fn) or "", re.MULTILINE)

    assert described == list(FIELDS)


@pytest.fixture
def own_logging() -> Iterator[None]:
    """The command sets up logging for its process, which here is the tests'."""
    yield
    structlog.reset_defaults()


@pytest.mark.usefixtures("own_logging")
@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ([], {}),
        (["--stream", "orders", "-s", "products"], {"streams": ("orders", "products")}),
        (["--full-refresh"], {"full_refresh": True}),
        (
            ["--stream", "orders", "--backfill-from", "2026-01-01", "--backfill-to", "2026-01-02"],
            {"streams": ("orders",), "backfill_from": "2026-01-01", "backfill_to": "2026-01-02"},
        ),
        (["--skip-ingest"], {"skip_ingest": True}),
        (["--skip-load"], {"skip_load": True}),
        (["--skip-dbt"], {"skip_dbt": True}),
        (["--skip-publish"], {"skip_publish": True}),
        (["--no-keys"], {"keys": False}),
    ],
)
def test_the_command_line_gives_each_parameter(
    arguments: list[str], given: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[dict[str, object]] = []

    def run(**parameters: object) -> RunReport:
        runs.append(parameters)
        return RunReport(run_id="test", seconds=0.0)

    monkeypatch.setattr(sys, "argv", ["flow.py", *arguments])
    with pytest.raises(SystemExit) as ended:
        main(run)

    assert ended.value.code == 0
    [parameters] = runs
    assert set(parameters) == set(FIELDS)
    assert RunParameters.of(**parameters) == RunParameters.of(**given)
