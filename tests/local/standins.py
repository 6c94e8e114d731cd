"""A small HTTP program that stands where a service will stand: ready at once, ends when asked to."""

import asyncio
import os
import sys

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


async def ready(_: Request) -> Response:
    if "LIANDONG_NEVER_READY" in os.environ:
        return JSONResponse({}, status_code=503)
    return JSONResponse({"database": os.environ.get("LIANDONG_DATABASE_URL", "")})


async def die(_: Request) -> Response:
    sys.stdout.write("the last words of a stand-in\n")
    sys.stdout.flush()
    asyncio.get_running_loop().call_later(0.05, os._exit, 3)
    return JSONResponse({})


app = Starlette(routes=[Route("/health/ready", ready), Route("/die", die, methods=["POST"])])
