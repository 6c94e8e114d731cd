"""A running indicator_svc on its own database; rules are judged by the scoring engine behind a real HTTP server."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI, Request, Response

from deploy.local.postgres import Postgres
from services.scoring_svc.engine.domain import check_rule
from shared.auth import Authenticator
from shared.testing import RunningService, TestIssuer, running_service

# What the background work of the service also locks, and what says which migrations ran.
_STAYS = ["trail", "trail_seals", "stream_state", "alembic_version"]
Start = Callable[..., AbstractAsyncContextManager[RunningService]]


class RuleChecker:
    """The engine that scores, answering `POST /v1/rule-checks` and giving the caller's token, over a real socket."""

    def __init__(self) -> None:
        self.url = ""
        self.down = False
        self.tokens = 0
        self.asked: list[int] = []
        self.before_answer: Callable[[], Awaitable[Any]] | None = None
        self.app = FastAPI()
        self.app.post("/token")(self._token)
        self.app.post("/v1/rule-checks")(self._check)

    async def _token(self, request: Request) -> dict[str, Any]:
        assert await request.body() == b"grant_type=client_credentials"
        self.tokens += 1
        return {"access_token": f"token-{self.tokens}", "expires_in": 3_600}

    async def _check(self, request: Request) -> Any:
        if self.down:
            return Response(status_code=503)
        assert request.headers["authorization"].startswith("Bearer token-")
        rules = (await request.json())["rules"]
        self.asked.append(len(rules))
        if self.before_answer is not None:
            await self.before_answer()
        results = []
        for one in rules:
            findings = [
                {"code": f.code, "pointer": f.pointer, "text": f.en, "text_zh": f.zh, "severity": f.severity}
                for f in check_rule(one["rule"])
            ]
            ok = all(finding["severity"] != "error" for finding in findings)
            results.append({"id": one["id"], "ok": ok, "findings": findings})
        return {"results": results}


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    task = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


@pytest_asyncio.fixture(scope="session")
async def checker() -> AsyncIterator[RuleChecker]:
    made = RuleChecker()
    async with served(made.app) as url:
        made.url = url
        yield made


@pytest.fixture(scope="session")
def start(postgres: Postgres, issuer: TestIssuer) -> Start:
    @asynccontextmanager
    async def begin(checker: RuleChecker | None = None, **settings: Any) -> AsyncIterator[RunningService]:
        url = checker.url if checker else "http://127.0.0.1:1"
        defaults = {
            "scoring_url": url,
            "token_url": f"{url}/token",
            "client_id": "indicator_svc",
            "client_secret": "secret",
            "rule_check_tries": 2,
        }
        async with running_service("indicator_svc", postgres, issuer, **{**defaults, **settings}) as service:
            yield service

    return begin


@pytest_asyncio.fixture(scope="session")
async def _kept(start: Start, checker: RuleChecker) -> AsyncIterator[RunningService]:
    async with start(checker) as running:
        yield running


@pytest_asyncio.fixture
async def service(_kept: RunningService, checker: RuleChecker) -> RunningService:
    """A service without data: one process for the whole session, emptied before each test."""
    checker.down, checker.before_answer = False, None
    checker.asked.clear()
    owner = await asyncpg.connect(_kept.dsns.owner)
    try:
        tables = await owner.fetch(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition "
            "AND relnamespace = 'public'::regnamespace AND relname <> ALL($1::text[])",
            _STAYS,
        )
        await owner.execute("TRUNCATE " + ", ".join(row["relname"] for row in tables))
    finally:
        await owner.close()
    forget_grants(_kept)
    return _kept


def forget_grants(service: RunningService) -> None:
    """Forget the grants that the authenticator remembers for a second."""
    authenticator: Authenticator = service.app.state.authenticator
    authenticator._actors.clear()


@pytest_asyncio.fixture(scope="module")
async def shared_service(start: Start) -> AsyncIterator[RunningService]:
    """One service for the tests of a module that leave nothing behind."""
    async with start() as running:
        yield running


@pytest_asyncio.fixture
async def setup(service: RunningService) -> httpx.AsyncClient:
    """The client that sets up: an operator everywhere."""
    return service.client(client="setup")


@pytest.fixture
def clock_file(tmp_path: Path) -> Path:
    return tmp_path / "clock.jsonl"
