"""Terraform in a copy of the configuration. A skipped test names what is not available here."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.terraform.runner import NoProviderError, Terraform


@pytest.fixture(scope="session")
def bare_terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """Terraform for tasks that need no provider."""
    binary = shutil.which("terraform")
    if binary is None:
        pytest.skip("terraform is not installed")
    root: Path = tmp_path_factory.mktemp("terraform")
    return Terraform.in_copy(binary, root, plugin_cache=tmp_path_factory.getbasetemp() / "terraform-plugins")


@pytest.fixture(scope="session")
def terraform(bare_terraform: Terraform) -> Terraform:
    """Terraform with an initialised root: all providers are available."""
    try:
        bare_terraform.init("terraform", "-backend=false")
    except NoProviderError as error:
        pytest.skip(f"a provider cannot be had here: {error}")
    return bare_terraform
