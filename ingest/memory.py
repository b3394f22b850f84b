"""Makes all libraries of a process share one allocator with few heaps, so that memory freed by one thread is reused.

Arrow has an allocator of its own and the Postgres driver uses the C library's; each keeps freed memory for itself. The
C library also has a heap for each thread. Two row groups of 15 MB took 50 MB of memory that way.
"""

from __future__ import annotations

import ctypes
import os
import sys

_ARENA_MAX = -8
"""M_ARENA_MAX in glibc's malloc.h."""
_HEAPS = 2


def share_one_allocator() -> None:
    """Make Arrow use the C library's allocator, and limit that to two heaps.

    Call it before Arrow is imported and before any thread starts. ARROW_DEFAULT_MEMORY_POOL and MALLOC_ARENA_MAX take
    precedence. Only glibc has such heaps.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    if sys.platform != "linux" or "MALLOC_ARENA_MAX" in os.environ:
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # musl has no such heaps
        mallopt(_ARENA_MAX, _HEAPS)
