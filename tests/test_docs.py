"""The documentation is held to what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from ingest.contracts.model import StreamSpec
from ingest.contracts.registry import ContractRegistry
from ingest.settings import IngestSettings, LakeSettings
from orchestration.settings import OrchestrationSettings, Schemas

REPOSITORY = Path(__file__).parents[1]
DOCS = REPOSITORY / "docs"
SETTINGS: tuple[type[BaseSettings], ...] = (IngestSettings, LakeSettings, OrchestrationSettings, Schemas)


def _variables(settings: type[BaseSettings]) -> dict[str, str]:
    """Environment variable by field name."""
    return {
        name: str(field.validation_alias) for name, field in settings.model_fields.items() if field.validation_alias
    }


def _example() -> dict[str, str]:
    lines = (REPOSITORY / ".env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_env_example_names_every_setting_and_no_other() -> None:
    assert set(_example()) == {variable for settings in SETTINGS for variable in _variables(settings).values()}


@pytest.mark.parametrize("settings", SETTINGS)
def test_env_example_shows_the_defaults(
    settings: type[BaseSettings], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(REPOSITORY)
    for variable in _variables(settings).values():
        monkeypatch.delenv(variable, raising=False)
    by_default = settings(_env_file=None)
    for variable, value in _example().items():
        monkeypatch.setenv(variable, value)
    as_in_example = settings(_env_file=None)

    for field in _variables(settings):
        shown, default = getattr(as_in_example, field), getattr(by_default, field)
        assert (shown.absolute() if isinstance(shown, Path) else shown) == default, field


def test_every_test_that_a_guarantee_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (DOCS / "DATA_CONTRACTS.md").read_text(encoding="utf-8")))
    defined = {
        name
        for path in (REPOSITORY / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert named
    assert named <= defined


def test_the_table_of_streams_is_the_contracts() -> None:
    text = (DOCS / "DATA_CONTRACTS.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `([\w./]+)` \| (whole|by `\w+`) \| `([\w, ]+)` \|", text, re.MULTILINE)
    assert set(rows) == {
        (
            contract.stream,
            contract.source_object,
            f"by `{contract.spec.cursor}`" if contract.spec.cursor else "whole",
            ", ".join(contract.key),
        )
        for contract in ContractRegistry.load().values()
    }


def test_every_custom_property_is_explained() -> None:
    text = (DOCS / "DATA_CONTRACTS.md").read_text(encoding="utf-8")
    assert {field.alias for field in StreamSpec.model_fields.values()} <= set(re.findall(r"^\| `(\w+)` \|", text, re.M))


@pytest.mark.parametrize("page", [*sorted(DOCS.glob("*.md")), REPOSITORY / "README.md"], ids=lambda page: page.name)
def test_links_and_paths_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in link]
    paths = re.findall(r"`((?:ingest|orchestration|mock_saas|postgres|dbt|docs|tests|requirements)/[\w./-]+)`", text)
    missing = [link for link in links if not (page.parent / link).exists()]
    missing += [path for path in paths if not (REPOSITORY / path).exists()]
    assert missing == []
