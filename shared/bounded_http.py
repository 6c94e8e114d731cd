"""HTTP on the wire: heads of requests are bounded in size and in time, before anybody knows who is calling.

uvicorn runs it with `--http shared.bounded_http:BoundedHttp`. Without a bound a single anonymous connection could make
a process keep an endless header, and spend seconds joining its pieces while everybody waits.
Belongs here: what happens before a request exists. Bodies are bounded in http.py, where the caller is known.
"""

import asyncio
from typing import Any

import msgspec
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

LARGEST_HEAD = 65_536
SLOWEST_HEAD_SECONDS = 15.0

_UNREADABLE = (
    400,
    "Bad Request",
    "http_unreadable",
    "请求不是有效的 HTTP",
    "The request is no HTTP that can be read",
)
_TOO_LARGE = (
    431,
    "Request Header Fields Too Large",
    "head_too_large",
    "请求行与请求头超过上限",
    "The request line and headers are too large",
)
_TOO_SLOW = (
    408,
    "Request Timeout",
    "head_too_slow",
    "请求头未在规定时间内送达",
    "The headers did not arrive in time",
)


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 on httptools, with bounds for what precedes the body."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._in_head = True
        self._head_size = 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection that says nothing is closed like one that says it too slowly."""
        super().connection_made(transport)
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what belongs to an unfinished head, and refuse it before it is parsed any further."""
        if self._in_head:
            self._head_size += len(data)
        super().data_received(data)
        if self._in_head and self._head_size > LARGEST_HEAD and not self.transport.is_closing():
            self._refuse(*_TOO_LARGE)

    def on_message_begin(self) -> None:
        """A head begins: the first of the connection, or a later one."""
        super().on_message_begin()
        if not self._in_head:
            self._begin_head()

    def on_headers_complete(self) -> None:
        """A head that arrived whole in one read is measured here."""
        self._end_head()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > LARGEST_HEAD:
            self._refuse(*_TOO_LARGE)
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """What follows a refused head is nobody's."""
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """What follows a refused head is nobody's."""
        if not self.transport.is_closing():
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's own words are for logs
        """Answer what is no HTTP with a problem document too."""
        if not self.transport.is_closing():
            self._refuse(*_UNREADABLE)

    def _begin_head(self) -> None:
        self._in_head, self._head_size = True, 0
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(SLOWEST_HEAD_SECONDS, self._too_slow)

    def _end_head(self) -> None:
        self._in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self._refuse(*_TOO_SLOW)

    def _refuse(self, status: int, reason: str, code: str, zh: str, en: str) -> None:
        body = msgspec.json.encode(
            {
                "type": f"urn:liandong:problem:{code}",
                "title": zh,
                "status": status,
                "code": code,
                "texts": {"zh-CN": zh, "en": en},
            }
        )
        head = (
            f"HTTP/1.1 {status} {reason}\r\ncontent-type: application/problem+json\r\ncontent-language: zh-CN\r\n"
            f"content-length: {len(body)}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
