"""The simulated web server of the shop: the visits by links in e-mails, as the e-mail provider reports them."""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from postgres.errors import ShopError
from postgres.shop.visits import Visit

_AT_ONCE = timedelta(days=7)
_TIMEOUT_SECONDS = 60
_PRODUCT_PAGE = re.compile(r"/p/(SKU-[0-9]{5,})")


class WebLog:
    """The visits that a simulated e-mail provider leads to the shop.

    Args:
        url: answers GET with `from` and `until` by a JSON list of objects with `at`, `recipient` and `url`.
        key: presented as a Bearer key.
    """

    def __init__(self, url: str, key: str) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise ShopError(f"SHOP_VISITS_URL {url!r} is no address: it begins with http:// or https://")
        self._url = url
        self._key = key
        # The user's proxy must not be used between two parts of a demo.
        self._opener = build_opener(ProxyHandler({}))

    def between(self, start: datetime, end: datetime) -> Iterator[Visit]:
        """Yield the visits to products' pages in [start, end), in order.

        Raises ShopError if the provider does not answer.
        """
        while start < end:
            until = min(start + _AT_ONCE, end)
            for visit in self._ask(start, until):
                if page := _PRODUCT_PAGE.fullmatch(urlsplit(visit["url"]).path):
                    yield Visit(datetime.fromisoformat(visit["at"]), visit["recipient"], page[1])
            start = until

    def _ask(self, start: datetime, until: datetime) -> list[dict[str, str]]:
        query = urlencode({"from": start.isoformat(), "until": until.isoformat()})
        request = Request(f"{self._url}?{query}", headers={"Authorization": f"Bearer {self._key}"})  # noqa: S310 - checked
        try:
            with self._opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
                visits: list[dict[str, str]] = json.load(answer)
                return visits
        except HTTPError as error:
            raise ShopError(
                f"{self._url} answers {error.code} {error.reason}: check SHOP_VISITS_KEY, the provider's admin key, or "
                "leave SHOP_VISITS_URL empty for a shop without campaigns"
            ) from error
        except (OSError, HTTPException, ValueError) as error:
            raise ShopError(
                f"{self._url} does not tell the visits to the shop ({error}): is the provider up? "
                "Leave SHOP_VISITS_URL empty for a shop without campaigns"
            ) from error
