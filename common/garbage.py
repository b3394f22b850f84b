"""Settings of Python's garbage collector for processes that import large libraries.

Prefect, dbt and moto make hundreds of thousands of objects that live until the end. With Python's default thresholds
the collector scans them again and again, which takes a fifth of the time of such an import, or more.
"""

from __future__ import annotations

import gc

_THRESHOLDS = (50_000, 20, 20)


def collect_seldom() -> None:
    """Raise the collector's thresholds. Call this before the imports."""
    gc.set_threshold(*_THRESHOLDS)


def leave_out_present_objects() -> None:
    """Exclude all present objects from later scans. Call this after the imports.

    Before a fork it also keeps memory pages shared between parent and child.
    """
    gc.freeze()
