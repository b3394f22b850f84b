"""Any text is a YAML document or a YAML error that names its place."""

from __future__ import annotations

from contextlib import suppress

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from common.yaml_text import load_yaml

TAGS = st.sampled_from(
    ["bool", "int", "float", "null", "str", "binary", "timestamp", "seq", "map", "set", "omap", "pairs", "nonsense"]
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: !!timestamp 1x\n", "'1x' is no timestamp"),
        ("a: !!bool maybe", "'maybe' is no bool"),
        ("a: !!int ''", "'' is no int"),
        ("a: 2026-02-30", "'2026-02-30' is no timestamp"),
    ],
)
def test_a_value_that_is_not_of_its_kind_is_named_with_its_line(text: str, told: str) -> None:
    with pytest.raises(yaml.YAMLError) as refused:
        load_yaml(text)
    assert told in str(refused.value)
    assert f"line {text.rstrip().count(chr(10)) + 1}" in str(refused.value)


@given(TAGS, st.text(max_size=8), st.sampled_from(["a: !!{} {}", "!!{} {}", "- !!{} [{}]", "? !!{} {}\n: 1"]))
@example("timestamp", "1", "a: !!{} {}")
def test_any_tag_of_any_text_is_a_value_or_a_yaml_error(tag: str, content: str, form: str) -> None:
    with suppress(yaml.YAMLError):
        load_yaml(form.format(tag, content))


def test_what_is_nested_too_deeply_is_a_yaml_error() -> None:
    with pytest.raises(yaml.YAMLError):
        load_yaml("? " + "[" * 2_000 + "]" * 2_000 + "\n: 1")
