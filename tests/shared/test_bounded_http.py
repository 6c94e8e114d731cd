"""Heads of requests are bounded before anybody knows who is calling: a real uvicorn on a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from shared import bounded_http
from shared.bounded_http import LARGEST_HEAD, BoundedHttp


async def _answering(_: dict[str, Any], receive: Any, send: Any) -> None:
    body = b""
    more = True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    size = str(len(body)).encode()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(size)).encode())]}
    )
    await send({"type": "http.response.body", "body": size})


@asynccontextmanager
async def _served() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    config = uvicorn.Config(_answering, port=0, http=BoundedHttp, lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn offers a flag, no event
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        server.should_exit = True
        await serving


async def _answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, Any]]:
    """The status and problem document of an answer after which the connection is closed."""
    whole = await asyncio.wait_for(reader.read(), 5)
    head, _, body = whole.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    return int(head.split()[1]), json.loads(body)


_PIECES = {
    "one endless value": [b"GET / HTTP/1.1\r\nhost: x\r\nx: ", *[b"y" * 10_000] * 100],
    "endless headers": [b"GET / HTTP/1.1\r\nhost: x\r\n", *[b"x: " + b"y" * 9_995 + b"\r\n"] * 100],
    "an endless path": [b"GET /", *[b"y" * 10_000] * 100],
    "whole at once": [b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"y" * (LARGEST_HEAD + 1) + b"\r\n\r\n"],
}


@pytest.mark.parametrize("pieces", _PIECES.values(), ids=_PIECES.keys())
async def test_a_head_without_end_is_cut_off(pieces: list[bytes]) -> None:
    async with _served() as (reader, writer):
        sent = 0
        for piece in pieces:
            if reader.at_eof() or writer.is_closing():
                break
            writer.write(piece)
            sent += len(piece)
            await asyncio.sleep(0.002)  # each piece arrives on its own
        assert sent < 2 * LARGEST_HEAD + 200_000
        try:
            status, problem = await _answer(reader)
        except (ConnectionResetError, BrokenPipeError):
            return  # it was cut off while it still talked: the answer may be lost then
        assert (status, problem["code"]) in {(431, "head_too_large"), (400, "http_unreadable")}


async def test_a_head_that_never_ends_in_time_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_http, "SLOWEST_HEAD_SECONDS", 0.2)
    async with _served() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n")
        status, problem = await _answer(reader)
        assert (status, problem["code"]) == (408, "head_too_slow")


async def test_what_is_no_http_gets_a_problem_document() -> None:
    async with _served() as (reader, writer):
        writer.write(b"\x16\x03\x01\x02\x00\r\n\r\n")
        status, problem = await _answer(reader)
        assert (status, problem["code"], problem["status"]) == (400, "http_unreadable", 400)


async def test_bodies_and_later_requests_of_a_connection_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_http, "SLOWEST_HEAD_SECONDS", 0.3)
    async with _served() as (reader, writer):
        for size in (0, 5 * LARGEST_HEAD, 7):
            writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % size)
            for _ in range(size // LARGEST_HEAD):  # slower than a head may be
                await asyncio.sleep(0.1)
                writer.write(b"y" * LARGEST_HEAD)
            writer.write(b"y" * (size % LARGEST_HEAD))
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert head.startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(len(str(size))) == str(size).encode()
