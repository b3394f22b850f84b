"""Errors as problem details (RFC 9457), the one form of every error of the API."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

PROBLEM_MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:mail-provider:problem:"

_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


class ParameterError(BaseModel):
    """The problem of one parameter."""

    location: Annotated[str, Field(examples=["query.limit"])]
    message: str


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    model_config = ConfigDict(frozen=True)

    type: Annotated[str, Field(description="`about:blank`, or a URN of this API", examples=["about:blank"])]
    title: Annotated[str, Field(examples=["Not Found"])]
    status: int
    detail: Annotated[str, Field(description="what happened, and what to do")]
    instance: Annotated[str, Field(description="path of the request")]
    request_id: Annotated[str, Field(description="as in X-Request-Id")]
    errors: Annotated[list[ParameterError] | None, Field(description="of validation errors alone")] = None


class ProblemError(Exception):
    """Ends a request with a problem.

    Args:
        slug: names the type of problem within this API; None: the status is sufficient (`about:blank`).
    """

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        slug: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.slug = slug
        self.headers = dict(headers or {})


def request_id_of(scope: Mapping[str, Any]) -> str:
    """Return the identifier of the request, as the context middleware set it."""
    request_id: str = scope.get("state", {}).get("request_id", "")
    return request_id


def problem_response(
    scope: Mapping[str, Any],
    status: int,
    detail: str,
    *,
    slug: str | None = None,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[ParameterError] | None = None,
) -> Response:
    """Return a problem as a response to the request of an ASGI scope."""
    title = HTTPStatus(status).phrase
    problem = Problem(
        type=TYPE_PREFIX + slug if slug else "about:blank",
        title=slug.replace("-", " ").capitalize() if slug else title,
        status=status,
        detail=detail,
        instance=scope["path"],
        request_id=request_id_of(scope),
        errors=list(errors) if errors is not None else None,
    )
    body = orjson.dumps(problem.model_dump(exclude_none=True))
    return Response(body, status, headers=dict(headers or {}), media_type=PROBLEM_MEDIA_TYPE)


def _methods_at(request: Request) -> list[str]:
    """Return the methods of all routes at the path of a request. The framework names only those of the first route."""
    app: FastAPI = request.app
    return [
        method
        for method in _METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in app.routes)
    ]


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every error that the framework or a route raises with a problem."""

    @app.exception_handler(ProblemError)
    async def _of_ours(request: Request, error: ProblemError) -> Response:
        return problem_response(request.scope, error.status, error.detail, slug=error.slug, headers=error.headers)

    @app.exception_handler(HTTPException)
    async def _of_framework(request: Request, error: HTTPException) -> Response:
        detail = {
            HTTPStatus.NOT_FOUND: f"There is nothing at {request.url.path}.",
            HTTPStatus.METHOD_NOT_ALLOWED: f"{request.method} is not allowed at {request.url.path}.",
        }.get(HTTPStatus(error.status_code), str(error.detail))
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(_methods_at(request))
        return problem_response(request.scope, error.status_code, detail, headers=headers)

    @app.exception_handler(RequestValidationError)
    async def _of_validation(request: Request, error: RequestValidationError) -> Response:
        errors = [
            ParameterError(
                location=".".join(str(part) for part in each["loc"]), message=each["msg"].removeprefix("Value error, ")
            )
            for each in error.errors()
        ]
        detail = "; ".join(f"{each.location}: {each.message}" for each in errors)
        return problem_response(
            request.scope,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"The request does not fit the API: {detail}",
            slug="invalid-request",
            errors=errors,
        )
