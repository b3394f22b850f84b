"""The lower bound for reading the API: fetches the same pages, one after the other, and decodes nothing.

    python -m bench.programs.http_loop BASE_URL PAGES

One page after the other, because a cursor is only known once the page before has arrived.
"""

from __future__ import annotations

import sys

import httpx

PAGE_SIZE = 1_000


def main(base_url: str, pages: int) -> None:
    """Fetch pages 0 to `pages` - 1."""
    with httpx.Client(base_url=base_url, headers={"Accept": "application/json"}, timeout=30) as client:
        for page in range(pages):
            response = client.get("/v1/events", params={"limit": PAGE_SIZE, "cursor": page})
            if response.status_code != httpx.codes.OK or not response.content:
                raise SystemExit(f"page {page}: {response.status_code}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
