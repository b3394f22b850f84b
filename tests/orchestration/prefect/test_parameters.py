"""The flow's parameters in Prefect and on the command line, made from their model."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
import structlog
from prefect.exceptions import ParameterTypeError, SignatureMismatchError

from orchestration.prefect.command import main
from orchestration.prefect.flow import dp_maiblaze_demo_dev_flow
from orchestration.prefect.run.parameters import RunParameters
from orchestration.report import RunReport

FIELDS = RunParameters.model_fields


def test_prefect_finds_each_parameter_with_its_type_default_and_description() -> None:
    found = dp_maiblaze_demo_dev_flow.parameters.dict()["properties"]

    assert list(found) == list(FIELDS)
    assert [found[name]["position"] for name in found] == list(range(len(FIELDS)))
    assert {name: found[name]["description"] for name in found} == {
        name: field.description for name, field in FIELDS.items()
    }
    assert found["streams"] | {"title": ""} == {
        "title": "",
        "type": "array",
        "items": {"type": "string"},
        "default": [],
        "position": 0,
        "description": FIELDS["streams"].description,
    }
    assert found["keys"]["type"] == "boolean"
    assert found["keys"]["default"] is True


def test_prefect_refuses_a_value_of_another_type_and_a_name_that_is_no_parameter() -> None:
    assert dp_maiblaze_demo_dev_flow.validate_parameters({"streams": ["orders"]}) == {"streams": ["orders"]}
    with pytest.raises(ParameterTypeError, match="full_refresh"):
        dp_maiblaze_demo_dev_flow.validate_parameters({"full_refresh": "perhaps"})
    with pytest.raises(SignatureMismatchError, match="stream"):
        dp_maiblaze_demo_dev_flow.validate_parameters({"stream": "orders"})


@pytest.fixture
def own_logging() -> Iterator[None]:
    """Restore logging, because the command sets it up for its process, which here is the tests'."""
    yield
    structlog.reset_defaults()


@pytest.mark.usefixtures("own_logging")
@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ([], {}),
        (["--stream", "orders", "-s", "products"], {"streams": ["orders", "products"]}),
        (["--full-refresh"], {"full_refresh": True}),
        (
            ["--stream", "orders", "--backfill-from", "2026-01-01", "--backfill-to", "2026-01-02"],
            {"streams": ["orders"], "backfill_from": "2026-01-01", "backfill_to": "2026-01-02"},
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
