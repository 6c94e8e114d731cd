"""Services on real sockets for those that ask each other, and tokens for the services themselves."""

import asyncio
import base64
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI, Request

from shared.testing import TestIssuer


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """Serve an app that is already started on a free port of loopback."""
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


def tokens_for_services(issuer: TestIssuer) -> FastAPI:
    """The token endpoint: client credentials become a token of that client."""
    app = FastAPI()

    @app.post("/token")
    async def token(request: Request) -> dict[str, Any]:
        scheme, _, credentials = request.headers["authorization"].partition(" ")
        assert scheme == "Basic"
        client = base64.b64decode(credentials).decode().partition(":")[0]
        return {"access_token": issuer.token(client=client), "expires_in": 3_600}

    return app
