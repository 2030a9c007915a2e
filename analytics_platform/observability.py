"""Structured logging with a trace id in every line."""

import logging
import secrets
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_trace_id: ContextVar[str | None] = ContextVar("trace_id", default=None)

ROOT_LOGGER = "analytics_platform"
_PROCESSES = ("api", "bento_services", "streaming")


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger for the module `name`; its lines also reach Dagster's run log."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def configure_logging(
    *, format: Literal["auto", "console", "json"], level: str
) -> None:
    """Send structured lines to standard error; `auto` is console in a terminal."""
    readable = sys.stderr.isatty() if format == "auto" else format == "console"
    renderer: Processor = (
        structlog.dev.ConsoleRenderer()
        if readable
        else structlog.processors.JSONRenderer()
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                renderer,
            ]
        )
    )
    for name in (ROOT_LOGGER, *_PROCESSES):
        root = logging.getLogger(name)
        root.handlers = [handler]
        root.setLevel(level)
        root.propagate = False  # some libraries give the root logger a handler too
    accept_previews()
    configure_structlog()


def accept_previews() -> None:
    """Say nothing of Dagster's beta and preview functions: versions are pinned."""
    warnings.filterwarnings("ignore", message=".*is currently in (beta|preview)")


def configure_structlog() -> None:
    """Route structlog through the standard library, so that every handler sees it."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            _add_trace_id,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _as_line,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def current_trace_id() -> str:
    """The trace id of this context (32 hex digits), made on first use."""
    trace_id = _trace_id.get()
    if trace_id is None:
        trace_id = secrets.token_hex(16)
        _trace_id.set(trace_id)
    return trace_id


@contextmanager
def trace(trace_id: str) -> Iterator[None]:
    """Put `trace_id` (32 hex digits, such as a run id without dashes) in every line."""
    token = _trace_id.set(trace_id)
    try:
        yield
    finally:
        _trace_id.reset(token)


def _add_trace_id(
    _logger: WrappedLogger, _method: str, event_dict: EventDict
) -> EventDict:
    event_dict["trace_id"] = current_trace_id()
    return event_dict


class _Line(dict[str, object]):
    """An event that foreign handlers, such as Dagster's run log, show as one line."""

    # The handler that shows the line shows these beside it.
    _BESIDE = frozenset({"event", "level", "logger", "timestamp", "exception"})

    def __str__(self) -> str:
        fields = [f"{key}={self[key]}" for key in self if key not in self._BESIDE]
        return " ".join([str(self.get("event")), *fields])


def _as_line(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    return _Line(event_dict)
