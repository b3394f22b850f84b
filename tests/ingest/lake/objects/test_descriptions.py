"""botocore's descriptions are the same however they are read, of S3 and of the services by which roles are assumed."""

from __future__ import annotations

import botocore.session
import pytest
from botocore.exceptions import DataNotFoundError
from botocore.loaders import Loader

from ingest.lake.objects.descriptions import service_descriptions


@pytest.mark.parametrize("name", ["s3", "sts", "sso", "sso-oidc"])
def test_a_service_is_described_as_botocore_describes_it(name: str) -> None:
    # A loader of this test alone: botocore adds to what a client's has given it.
    quick, own = service_descriptions.__wrapped__(), Loader()
    for kind in ("service-2", "endpoint-rule-set-1"):
        assert quick.load_service_model(name, kind) == own.load_service_model(name, kind)
    assert quick.load_data("endpoints") == own.load_data("endpoints")


def test_a_service_that_is_none_is_not_found() -> None:
    session = botocore.session.get_session()
    session.register_component("data_loader", service_descriptions())
    with pytest.raises(DataNotFoundError):
        session.create_client("nonesuch", region_name="eu-central-1")
