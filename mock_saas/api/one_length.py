"""Refuses a request that states its length twice."""

from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from mock_saas.api.problems import problem_response

_LENGTHS = (b"content-length", b"transfer-encoding")


class OneLengthMiddleware:
    """Answers 400 to a request with both Content-Length and Transfer-Encoding, and closes its connection.

    The parser uses Transfer-Encoding, as RFC 9112 (6.3) allows. A server on the way that uses Content-Length sees two
    requests where this one sees one, and the second may come from anybody.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or not _has_both(scope):
            await self._app(scope, receive, send)
            return
        detail = "A request has Content-Length or Transfer-Encoding, not both."
        response = problem_response(scope, HTTPStatus.BAD_REQUEST, detail, headers={"connection": "close"})
        await response(scope, receive, send)


def _has_both(scope: Scope) -> bool:
    names = {name.lower() for name, _ in scope["headers"]}
    return names.issuperset(_LENGTHS)
