"""One allocator for all that a process reads, and few heaps in it: what one thread has let go another takes.

Arrow brings an allocator of its own, the driver of Postgres takes the C library's, and each keeps what was let go for
itself. The C library has a heap for each thread besides. Two row groups of 15 MB stood for 50 MB of memory so.
"""

from __future__ import annotations

import ctypes
import os
import sys

_ARENA_MAX = -8
"""M_ARENA_MAX in glibc's malloc.h."""
_HEAPS = 2


def share_one_allocator() -> None:
    """Let Arrow take its memory from the C library, which keeps two heaps. Call it before Arrow is imported and before
    any thread; ARROW_DEFAULT_MEMORY_POOL and MALLOC_ARENA_MAX go before it. Other C libraries have no such heaps.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    if sys.platform != "linux" or "MALLOC_ARENA_MAX" in os.environ:
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # musl has none
        mallopt(_ARENA_MAX, _HEAPS)
