"""Every line is structured and carries the trace id."""

import json
import subprocess
import sys

from analytics_platform.observability import current_trace_id, trace

SCRIPT = """
from analytics_platform.observability import configure_logging, get_logger, trace
configure_logging(format={format!r}, level="INFO")
log = get_logger("analytics_platform.somewhere")
with trace("a" * 32):
    log.info("window_closed", key="JFK", events=42)
    log.debug("not_shown")
try:
    raise ValueError("broken")
except ValueError:
    log.exception("step_failed")
"""


def lines(format: str) -> list[str]:
    command = [sys.executable, "-c", SCRIPT.format(format=format)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_production_lines_are_json_with_the_fields_as_they_are() -> None:
    first, second = (json.loads(line) for line in lines("json"))
    assert first["event"] == "window_closed"
    assert (first["key"], first["events"], first["level"]) == ("JFK", 42, "info")
    assert first["trace_id"] == "a" * 32
    assert first["logger"] == "analytics_platform.somewhere"
    assert "ValueError: broken" in second["exception"]


def test_without_a_terminal_auto_is_json() -> None:
    assert json.loads(lines("auto")[0])["event"] == "window_closed"


def test_console_lines_are_for_people() -> None:
    assert "window_closed" in lines("console")[0]
    assert not lines("console")[0].startswith("{")


def test_a_trace_ends_with_its_block() -> None:
    outer = current_trace_id()
    with trace("b" * 32):
        assert current_trace_id() == "b" * 32
    assert current_trace_id() == outer
    assert len(outer) == 32


def test_a_foreign_handler_shows_a_line_not_a_mapping() -> None:
    script = """
import logging
from analytics_platform.observability import configure_structlog, get_logger, trace
logging.basicConfig(format="%(message)s", level="INFO")
configure_structlog()
with trace("a" * 32):
    get_logger("analytics_platform.x").info("table_loaded", table="raw.x", rows=3)
"""
    command = [sys.executable, "-c", script]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert shown == f"table_loaded table=raw.x rows=3 trace_id={'a' * 32}\n"
