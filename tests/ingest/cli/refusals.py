"""The output of a refused command, and text that it must not contain."""

from __future__ import annotations

import re

from local.servers.s3_server import SECRET_ACCESS_KEY
from tests.ingest.cli.command import Finished

SECRET = "the-s3cret-that-nobody-may-see"


def refused(done: Finished, said: str, *, exit_code: int = 2, secrets: tuple[str, ...] = ()) -> None:
    """Check that the command ended with one message that contains `said`, without traceback or secret."""
    everything = done.out + done.err
    assert done.exit_code == exit_code, everything
    assert "Traceback" not in everything
    assert len(done.messages) == 1, done.messages
    assert done.messages[0].startswith("error ")
    assert re.search(said, done.messages[0]), done.messages[0]
    for secret in (*secrets, SECRET, SECRET_ACCESS_KEY):
        assert secret not in everything
