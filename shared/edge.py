"""The outermost middleware of every service: trace, measure, security headers."""

import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.observability import REQUESTS, continue_trace, log

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_REFUSED = 400


class Edge:
    """The outermost middleware: the trace begins or goes on, the request is measured, security headers are set."""

    def __init__(self, app: ASGIApp, service: str) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        incoming = next((value for name, value in scope["headers"] if name == b"traceparent"), b"")
        trace = continue_trace(incoming.decode("latin-1"))
        started, status = time.perf_counter(), 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["traceparent"] = trace
                headers["x-content-type-options"] = "nosniff"
                headers["cache-control"] = headers.get("cache-control", "no-store")
                headers["referrer-policy"] = "no-referrer"
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            took = time.perf_counter() - started
            # Reads that succeed are counted, not logged: a change or a refusal is what a trace is followed for.
            if scope["method"] not in _READS or status >= _REFUSED:
                log().info(
                    "request", method=scope["method"], path=scope["path"], status=status, ms=round(took * 1000, 1)
                )
            REQUESTS.labels(self._service, scope["method"], route, status).observe(took)
