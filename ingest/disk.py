"""Turns errors of a full or unwritable local disk into the platform's errors, in one place."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingest.errors import ConfigurationError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def disk_errors(directory: Path) -> Iterator[None]:
    """Convert errors of code that writes temporary files into `directory`.

    Raises ConfigurationError that names the directory if its disk is full or refuses. Any other OSError passes through.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise ConfigurationError(
                f"the disk of {directory} is full",
                hint="Make room there, or point it at another disk (TMPDIR for what ingest writes, WAREHOUSE_DIR for "
                "the warehouse).",
            ) from error
        if error.errno in _REFUSED:
            raise ConfigurationError(
                f"cannot write into {directory}: {error.strerror}",
                hint="Correct its permissions, or name another directory (TMPDIR, WAREHOUSE_DIR).",
            ) from error
        raise
