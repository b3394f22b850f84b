"""The OpenAPI document: its introduction, and the problems that every route may return."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from mock_saas.api.problems import PROBLEM_MEDIA_TYPE, TYPE_PREFIX, Problem
from mock_saas.settings import Settings

TITLE = "Mail provider API"
VERSION = "1.0.0"
_REF_TEMPLATE = "#/components/schemas/{model}"


def describe(settings: Settings) -> str:
    """Return the introduction of the document, in Markdown."""
    if settings.rate_limit_per_second:
        rate = f"{settings.rate_limit_per_second:g} requests a second, {settings.rate_limit_burst} at once"
    else:
        rate = "no limit"
    return f"""
Campaigns and e-mail events of one account.

**Authentication.** Send `Authorization: Bearer <API key>`. 401 means that there is no key in the request, 403 that
the key is not known.

**Paging.** A page has `data`, `next_cursor` and `has_more`. Repeat the request with `cursor=<next_cursor>` until
`has_more` is false. Cursors are opaque, do not expire and hold the window; `limit` may change from page to page.
Windows are half-open, `[from, until)`. Nothing later than our clock is ever returned.

**Our clock** is in the `Date` header of every response. Use it, not yours.

**Settling time: {settings.settling_seconds:g} seconds.** An event may appear in its place up to this long after its
`received_at`. What was received earlier than `Date` less the settling time is final: nothing is added, changed or
removed there.

**Times** are RFC 3339 in UTC with exactly six fraction digits and `Z`. In a query any offset is understood; a `+`
must be written `%2B`.

**The mailing list** is the account's. Nothing is sent to an address after a hard bounce, an unsubscription or a
complaint; whether its owner agreed is the account's to know.

**Rate limit** for each key: {rate}. Beyond it: 429 with `Retry-After`.

**Errors** are problem details (RFC 9457, `{PROBLEM_MEDIA_TYPE}`). `type` is `about:blank`, or one of
`{TYPE_PREFIX}` + `invalid-request` (422), `invalid-cursor`, `window-mismatch`, `reversed-window` (400),
`unknown-key` (403), `rate-limit-exceeded` (429), `stopping` (503). 429 and 503 may carry `Retry-After`, as seconds
or as a date.

**X-Request-Id** is sent back as you sent it, or made; quote it when you ask for help.
"""


def problem_responses(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses`` of routes that may end in problems with these statuses."""
    schema = {"$ref": _REF_TEMPLATE.format(model=Problem.__name__)}
    return {
        status.value: {"description": status.phrase, "content": {PROBLEM_MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


def install_openapi(app: FastAPI) -> None:
    """Make the application's document include the schema of problems, which no response model names."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                tags=app.openapi_tags,
            )
            _, definitions = models_json_schema([(Problem, "serialization")], ref_template=_REF_TEMPLATE)
            schemas = app.openapi_schema.setdefault("components", {}).setdefault("schemas", {})
            schemas.update(definitions["$defs"])
        return app.openapi_schema

    # FastAPI's documented way to extend the document is to replace this method.
    app.openapi = document  # type: ignore[method-assign]
