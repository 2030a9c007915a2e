"""What `analytics doctor` looks at; each check gives one finding."""

import os
import platform
import shutil
import sys
from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psutil
from pydantic import BaseModel, SecretStr
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.adapters.platform_state import read_state
from analytics_platform.adapters.processes import port_owner
from analytics_platform.adapters.warehouse import open_warehouse
from analytics_platform.cli.doctor_streaming import examine_streaming
from analytics_platform.cli.finding import Finding, failed
from analytics_platform.cli.streaming_services import ports_used
from analytics_platform.defs.dead_runs import mend_dead_runs
from analytics_platform.defs.instance import open_instance
from analytics_platform.domains.loader import load_domain
from analytics_platform.errors import PlatformError
from analytics_platform.resources import open_resources
from analytics_platform.settings import PREFIX, Settings

_GIGABYTE = 1e9
_ENOUGH_DISK_GB = 5  # packages 3, a year of data and a few snapshots 1
_ENOUGH_MEMORY_GB = 4  # pages and daemon 1.5, a run 2
_ENOUGH_CORES = 2


def examine(settings: Settings) -> list[Finding]:
    """Every finding on this machine and these settings, in a fixed order."""
    checks: list[Callable[[Settings], Finding]] = [
        _python,
        _disk,
        _memory,
        _cores,
        _time_zone,
        _domain,
        _control_store,
        _warehouse,
        _ledger,
        _dagster,
    ]
    findings = [check(settings) for check in checks]
    return findings + examine_streaming(settings) + _ports(settings)


def mend(settings: Settings) -> list[str]:
    """Mend what is derived from the truth; gives a line for each thing mended."""
    migrate(settings.control_store_url)
    with open_instance() as instance:
        lines = [f"run {run_id} marked failed" for run_id in mend_dead_runs(instance)]
    return lines + [str(line) for line in open_resources(settings).registry.repair()]


def redacted(settings: Settings) -> dict[str, str]:
    """Every setting by its variable's name, passwords hidden."""
    values = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            for inner in type(value).model_fields:
                key = f"{PREFIX}{name}__{inner}".upper()
                values[key] = _shown(getattr(value, inner))
        else:
            values[f"{PREFIX}{name}".upper()] = _shown(value)
    return values


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        try:
            return make_url(value.get_secret_value()).render_as_string()
        except (SQLAlchemyError, ValueError):
            return "***"
    return "" if value is None else str(value)


def _python(_settings: Settings) -> Finding:
    fits = (3, 11) <= sys.version_info[:2] < (3, 14)
    return Finding(
        part="python",
        state="ok" if fits else "missing",
        found=platform.python_version(),
        hint="" if fits else "Install Python 3.11, 3.12 or 3.13.",
    )


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(settings.home).free / _GIGABYTE
    return _amount("disk", free, _ENOUGH_DISK_GB, "GB free", "Free some space.")


def _memory(_settings: Settings) -> Finding:
    total = psutil.virtual_memory().available / _GIGABYTE
    return _amount(
        "memory", total, _ENOUGH_MEMORY_GB, "GB available", "Close programs."
    )


def _cores(_settings: Settings) -> Finding:
    cores = len(os.sched_getaffinity(0))
    hint = "Everything works, more slowly."
    return _amount("cores", cores, _ENOUGH_CORES, "cores", hint)


def _amount(part: str, amount: float, enough: float, unit: str, hint: str) -> Finding:
    fits = amount >= enough
    return Finding(
        part=part,
        state="ok" if fits else "warning",
        found=f"{amount:.4g} {unit}",
        hint="" if fits else f"{enough:g} are advised. {hint}",
    )


def _time_zone(settings: Settings) -> Finding:
    zone = load_domain(settings.domain).timezone
    try:
        ZoneInfo(zone)
    except ZoneInfoNotFoundError:
        hint = "Install the system package tzdata."
        return Finding(part="time zone", state="missing", found=zone, hint=hint)
    return Finding(part="time zone", state="ok", found=f"{zone} for the domain")


def _domain(settings: Settings) -> Finding:
    try:
        domain = load_domain(settings.domain)
    except PlatformError as error:
        return failed("domain", error)
    found = f"{domain.title}: {len(domain.tables)} tables, {len(domain.models)} models"
    return Finding(part="domain", state="ok", found=found)


def _control_store(settings: Settings) -> Finding:
    return _reachable("control store", settings.control_store_url)


def _warehouse(settings: Settings) -> Finding:
    url = settings.warehouse.url
    if url is not None and settings.warehouse.kind in ("postgres", "redshift"):
        return _reachable("warehouse", url.get_secret_value())
    try:
        with open_warehouse(settings).session() as session:
            count = session.rows("select count(*) from information_schema.tables")
    except (PlatformError, OSError) as error:
        return failed("warehouse", error)
    found = f"{settings.warehouse.kind}, {count[0][0]} tables"
    return Finding(part="warehouse", state="ok", found=found)


def _ledger(settings: Settings) -> Finding:
    try:
        migrate(settings.control_store_url)
        rows = open_resources(settings).store.ledger.verify()
    except (PlatformError, SQLAlchemyError) as error:
        return failed("ledger", error)
    return Finding(part="ledger", state="ok", found=f"{rows} rows, chain whole")


def _dagster(settings: Settings) -> Finding:
    state = read_state(settings.home)
    if state is None or not state.is_running:
        return Finding(part="platform", state="ok", found="not running", hint="make up")
    return Finding(
        part="platform", state="ok", found=", ".join(state.addresses.values())
    )


def _ports(settings: Settings) -> list[Finding]:
    state = read_state(settings.home)
    if state and state.is_running:
        return []
    findings = []
    for name in ports_used(settings, load_domain(settings.domain)):
        port = getattr(settings.ports, name)
        owner = port_owner(port)
        hint = f"Set {PREFIX}PORTS__{name.upper()} to another port." if owner else ""
        findings.append(
            Finding(
                part=f"port of {name}",
                state="warning" if owner else "ok",
                found=f"{port} is taken by {owner}" if owner else f"{port} is free",
                hint=hint,
            )
        )
    return findings


def _reachable(part: str, url: str) -> Finding:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            connection.execute(text("select 1"))
    except SQLAlchemyError as error:
        return failed(part, error)
    finally:
        engine.dispose()
    return Finding(part=part, state="ok", found=make_url(url).render_as_string())
