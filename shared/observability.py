"""Logs, traces and metrics: one JSON line per event, one trace id from a request to the last handler.

The trace travels as a W3C traceparent in HTTP headers and in the CloudEvents envelope.
"""

import logging
import re
import secrets
import sys
from contextvars import ContextVar
from typing import Any

import structlog
from prometheus_client import Counter, Gauge, Histogram

_FORM = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})\Z")
_traceparent: ContextVar[str] = ContextVar("traceparent", default="")

REQUESTS = Histogram(
    "liandong_request_seconds",
    "Time to answer",
    ["service", "method", "route", "status"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
HANDLED = Counter("liandong_events_handled_total", "Events by outcome", ["service", "type", "outcome"])
HANDLING = Histogram(
    "liandong_event_seconds", "Time from the event's recording to the handler's commit", ["service", "type"]
)
OUTBOX_AGE = Gauge("liandong_outbox_age_seconds", "Age of the oldest event not yet sent", ["service"])
CONSUMER_LAG = Gauge("liandong_consumer_lag", "Events not yet acknowledged", ["service", "stream"])
DEAD_LETTERS = Gauge("liandong_dead_letters", "Dead letters not yet replayed", ["service"])


def current_traceparent() -> str:
    """The traceparent of the request or event at work, or an empty text."""
    return _traceparent.get()


def current_trace_id() -> str:
    """The 32 hex digits of the current trace, or an empty text."""
    return _traceparent.get()[3:35]


def continue_trace(incoming: str | None) -> str:
    """Go on with an incoming traceparent, or begin a trace when there is none or it is malformed. Returns it."""
    found = _FORM.match(incoming or "")
    trace_id = found[1] if found else secrets.token_hex(16)
    value = f"00-{trace_id}-{secrets.token_hex(8)}-01"
    _traceparent.set(value)
    structlog.contextvars.bind_contextvars(trace_id=trace_id)
    return value


def _rename_event(_: Any, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    line["message"] = line.pop("event")
    return line


def configure_logging(service: str, level: str) -> None:
    """JSON lines on standard output, Chinese written as Chinese; the libraries' own logs join them."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _rename_event,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(ensure_ascii=False)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
    )
    structlog.contextvars.bind_contextvars(service=service)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processor=structlog.processors.JSONRenderer(ensure_ascii=False), foreign_pre_chain=shared
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).setLevel(logging.INFO if level == "DEBUG" else logging.WARNING)


def log() -> structlog.typing.FilteringBoundLogger:
    """The logger; fields bound to the request or event come with every line."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger
