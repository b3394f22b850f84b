"""The actions that messages recommend are possible."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def test_every_terraform_variable_that_a_message_names_is_one_of_the_root() -> None:
    sources = (REPOSITORY / "orchestration" / "warehouse" / "snowflake").glob("*.py")
    text = "".join(path.read_text(encoding="utf-8") for path in sources)
    named = {name for names in re.findall(r"Terraform: ([a-z_0-9, ]+)", text) for name in names.split(", ")}
    variables = (REPOSITORY / "terraform" / "variables.tf").read_text(encoding="utf-8")

    assert named
    assert named <= set(re.findall(r'^variable "(\w+)"', variables, re.MULTILINE))
