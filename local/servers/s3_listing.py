"""A faster version of moto's LIST, whose cost depends only on the number of keys in the response.

moto collects and sorts all objects of the bucket for each page of a listing. After 10,000 commits of nine streams that
takes 50 ms a listing, but S3 seeks the first key and reads on from there.
"""

from __future__ import annotations

from heapq import nsmallest
from typing import Any

from moto.s3.models import FakeDeleteMarker, S3Backend


def list_by_names() -> None:
    """Patch moto's server in this process so that it reads only names until it knows the objects of a page."""
    S3Backend.list_objects_v2 = _list_objects_v2  # type: ignore[method-assign]


_as_moto_does = S3Backend.list_objects_v2


def _list_objects_v2(
    self: Any,
    bucket: Any,
    prefix: str | None,
    delimiter: str | None,
    continuation_token: str | None,
    start_after: str | None,
    max_keys: int,
) -> Any:
    """Return the page's objects, whether there are more, and the token of the next page."""
    keys = getattr(bucket, "keys", None)
    if delimiter or keys is None:
        return _as_moto_does(self, bucket, prefix, delimiter, continuation_token, start_after, max_keys)
    after = self._pagination_tokens.get(continuation_token, "") if continuation_token else start_after or ""
    wanted = (
        name
        for name in list(keys)  # in one step, because other threads add keys
        if name > after and name.startswith(prefix or "") and not isinstance(keys.get(name), FakeDeleteMarker)
    )
    # Names in order of code points are also in the order of their UTF-8 bytes, as in S3.
    page = [keys.get(name) for name in nsmallest(max_keys + 1, wanted)]
    return self._truncate_result([key for key in page if key is not None], max_keys)
