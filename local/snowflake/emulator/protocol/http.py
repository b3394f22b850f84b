"""The account over HTTP, with the connector's protocol: fakesnow's routes and more, and never an HTTP 500."""

from __future__ import annotations

import gzip
import json
import logging
import traceback
from collections.abc import Awaitable, Callable
from threading import Event, Lock
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from local.snowflake.emulator.account.context import Context
from local.snowflake.emulator.account.session import Session
from local.snowflake.emulator.account.state import Account
from local.snowflake.emulator.errors import SnowflakeError, unsupported
from local.snowflake.emulator.protocol.bindings import positional
from local.snowflake.emulator.protocol.dispatch import execute
from local.snowflake.emulator.protocol.login import login
from local.snowflake.emulator.sql.tokens import Tokens

_LOG = logging.getLogger("emulator")
Answer = dict[str, Any]


class _Running:
    """A request that is being answered. If a client repeats it, it waits for the same response."""

    def __init__(self) -> None:
        self.done = Event()
        self.answer: Answer = {}


class Endpoint:
    """The HTTP routes of one account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._requests = Lock()

    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/session/v1/login-request", self._safely(self._login), methods=["POST"]),
                Route("/session", self._safely(self._close), methods=["POST"]),
                Route("/session/heartbeat", self._safely(self._heartbeat), methods=["POST", "GET"]),
                Route("/session/token-request", self._safely(self._renew), methods=["POST"]),
                Route("/queries/v1/query-request", self._safely(self._query), methods=["POST"]),
                Route("/queries/v1/abort-request", self._safely(self._abort), methods=["POST"]),
                Route("/telemetry/send", self._safely(self._telemetry), methods=["POST"]),
            ]
        )

    def _safely(self, handler: Callable[[Request], Awaitable[Answer]]) -> Callable[[Request], Awaitable[JSONResponse]]:
        async def answer(request: Request) -> JSONResponse:
            try:
                answered = await handler(request)
            except SnowflakeError as error:
                answered = _refusal(error)
            except Exception as error:
                _LOG.exception("the emulator failed")
                answered = _refusal(_bug(error))
            # On a connection that stays open, each request of the connector would wait 40 ms for a delayed
            # acknowledgement, because it sends a request in two parts and leaves Nagle's algorithm on.
            return JSONResponse(answered, headers={"Connection": "close"})

        return answer

    async def _login(self, request: Request) -> Answer:
        data = (await _body(request))["data"]
        session = await run_in_threadpool(login, self._account, data, dict(request.query_params))
        return {
            "success": True,
            "code": None,
            "message": None,
            "data": {
                "token": session.token,
                "masterToken": session.token,
                "validityInSeconds": 3600,
                "masterValidityInSeconds": 14400,
                "sessionId": session.id,
                "serverVersion": "10.0.0",
                "displayUserName": session.user,
                "parameters": [
                    {"name": "AUTOCOMMIT", "value": session.parameters.flag("AUTOCOMMIT")},
                    {"name": "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY", "value": 3600},
                    # Bindings are not staged: they are always sent with the statement.
                    {"name": "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD", "value": 0},
                    {"name": "TIMEZONE", "value": "UTC"},
                ],
                "sessionInfo": _session_info(session),
            },
        }

    async def _close(self, request: Request) -> Answer:
        session = self._session(request)
        if request.query_params.get("delete"):
            await run_in_threadpool(self._account.end_session, session)
        return _done()

    async def _heartbeat(self, request: Request) -> Answer:
        self._session(request)
        return _done()

    async def _renew(self, request: Request) -> Answer:
        session = self._session(request)
        return _done({"sessionToken": session.token, "masterToken": session.token, "validityInSecondsST": 3600})

    async def _telemetry(self, _: Request) -> Answer:
        return _done()

    async def _abort(self, request: Request) -> Answer:
        session = self._session(request)
        self._account.locks.cancel(session.id)
        session.interrupt(SnowflakeError(604, "57014", "SQL execution canceled"))
        return _done()

    async def _query(self, request: Request) -> Answer:
        session = self._session(request)
        body = await _body(request)
        request_id = request.query_params.get("requestId", "")
        with self._requests:
            running = session.answers.get(request_id)
            first = running is None
            if running is None:
                running = _Running()
                session.remember(request_id, running)
        if first:
            await run_in_threadpool(self._answer, session, body, running)
        else:
            await run_in_threadpool(running.done.wait)
        return running.answer

    def _answer(self, session: Session, body: Answer, running: _Running) -> None:
        try:
            with session.one_at_a_time:
                running.answer = self._run(session, body)
        except SnowflakeError as error:
            running.answer = _refusal(error)
        except Exception as error:
            _LOG.exception("the emulator failed on %s", body.get("sqlText"))
            session.transaction.after_error(str(error))
            running.answer = _refusal(_bug(error))
        finally:
            running.done.set()

    def _run(self, session: Session, body: Answer) -> Answer:
        if session.ended:
            raise _gone()
        sql = str(body["sqlText"])
        if body.get("describeOnly"):
            raise unsupported("the columns of a statement without running it")
        values = positional(body.get("bindings"), self._account.doubts)
        query_id, result = execute(Context(self._account, session, sql, Tokens(sql), values))
        info = {
            "queryId": query_id,
            "parameters": [{"name": "TIMEZONE", "value": "UTC"}],
            "finalDatabaseName": session.database,
            "finalSchemaName": session.schema,
            "finalWarehouseName": session.warehouse,
            "finalRoleName": session.role,
            "numberOfBinds": len(values),
            "arrayBindSupported": True,
        }
        return _done(info | result.payload())

    def _session(self, request: Request) -> Session:
        token = request.headers.get("Authorization", "").removeprefix('Snowflake Token="').rstrip('"')
        if session := self._account.sessions.get(token):
            return session
        raise _gone()


def _session_info(session: Session) -> Answer:
    return {
        "databaseName": session.database,
        "schemaName": session.schema,
        "warehouseName": session.warehouse,
        "roleName": session.role,
    }


def _gone() -> SnowflakeError:
    return SnowflakeError(390111, "08001", "Session no longer exists. New login required to access the service.")


def _bug(error: Exception) -> SnowflakeError:
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{last.filename.rpartition('/')[2]}:{last.lineno}"
    return SnowflakeError(603, "XX000", f"The emulated account failed: {type(error).__name__}: {error} ({place})")


def _done(data: Answer | None = None) -> Answer:
    return {"success": True, "code": None, "message": None, "data": data}


def _refusal(error: SnowflakeError) -> Answer:
    return {
        "success": False,
        "code": error.code,
        "message": error.message,
        "data": {"errorCode": error.code, "sqlState": error.sqlstate, "queryId": ""},
    }


async def _body(request: Request) -> Answer:
    body = await request.body()
    if request.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    found: Answer = json.loads(body)
    return found
