"""What `analytics doctor` looks at of streaming: broker, state database, sidecar."""

import json
import urllib.error
import urllib.request

from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from analytics_platform.adapters.brokers import (
    EMBEDDED_LIMITS,
    GET_THE_REAL_ONE,
    BrokerKind,
    chosen_kind,
    find_broker,
    wait_until_ready,
)
from analytics_platform.adapters.control_store import migrations
from analytics_platform.adapters.platform_state import read_state
from analytics_platform.cli.finding import Finding, failed
from analytics_platform.errors import NotFound, PlatformError, Unavailable
from analytics_platform.settings import Settings

_SECONDS = 3.0


def examine_streaming(settings: Settings) -> list[Finding]:
    """A finding on each part."""
    return [_broker(settings), _state(settings), _sidecar(settings)]


def _broker(settings: Settings) -> Finding:
    try:
        found = find_broker(settings)
        wait_until_ready(found, seconds=_SECONDS)
    except NotFound:
        return _kind(chosen_kind(settings), "it starts with the platform")
    except Unavailable as error:
        return failed("broker", error)
    return _kind(found.kind, f"it answers at {found.bootstrap}")


def _kind(kind: BrokerKind, how: str) -> Finding:
    if kind is not BrokerKind.EMBEDDED:
        return Finding(part="broker", state="ok", found=f"{kind}; {how}")
    limits = " ".join(EMBEDDED_LIMITS)
    return Finding(
        part="broker",
        state="warning",
        found=f"{kind}; {how}. Not proven here: {limits}",
        hint=f"`{GET_THE_REAL_ONE}` gets a Kafka without these limits.",
    )


def _state(settings: Settings) -> Finding:
    part, shown = "stream state", make_url(settings.stream_state_url)
    try:
        revision, newest = (
            migrations.revision(settings.stream_state_url),
            migrations.head(),
        )
    except (PlatformError, SQLAlchemyError, OSError) as error:
        return failed(part, error)
    if revision == newest:
        found = f"{shown.render_as_string()}, revision {revision}"
        return Finding(part=part, state="ok", found=found)
    return Finding(
        part=part,
        state="warning",
        found=f"{shown.render_as_string()}, revision {revision or 'none'} of {newest}",
        hint="`analytics migrate upgrade`; the sidecar does it when it starts.",
    )


def _sidecar(settings: Settings) -> Finding:
    url = f"http://127.0.0.1:{settings.ports.sidecar}/health/ready"
    platform = read_state(settings.home)
    is_expected = platform is not None and "sidecar" in platform.services
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS):
            return Finding(part="sidecar", state="ok", found=f"{url} answers: ready")
    except urllib.error.HTTPError as error:
        return Finding(
            part="sidecar", state="warning", found=_unready(error), hint=_LOG
        )
    except OSError:
        if not is_expected:
            return Finding(
                part="sidecar", state="ok", found="not running", hint="make up"
            )
        return Finding(
            part="sidecar", state="warning", found=f"{url} does not answer", hint=_LOG
        )


def _unready(error: urllib.error.HTTPError) -> str:
    try:
        checks: dict[str, str] = json.loads(error.read())["checks"]
    except (ValueError, KeyError):
        return f"it answers with status {error.code}"
    problems = [f"{name}: {text}" for name, text in checks.items() if text != "ok"]
    return f"not ready; {', '.join(problems)}"


_LOG = (
    "It waits for the first snapshot and for the broker; see <home>/logs/sidecar.log."
)
