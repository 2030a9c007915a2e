"""Checks that the marts show what the live windows showed."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.dbt_project import DbtProject
from analytics_platform.clock import Clock
from analytics_platform.contracts.domain import Domain
from analytics_platform.contracts.records import Verdict
from analytics_platform.contracts.streams import EventStream, LiveWindow
from analytics_platform.defs.events import events_key
from analytics_platform.defs.retries import retrying

if TYPE_CHECKING:  # a code location loads this module and must not pay for adapters
    from analytics_platform.adapters.live_parity import Judgement


def build(domain: Domain) -> dg.Definitions:
    """One step of checks per stream, one check per live window.

    They are checks of the loaded events, after the mart: they run when events were
    loaded, and keep nothing back.
    """
    windows = {
        stream.name: [one for one in domain.live_windows if one.stream == stream.name]
        for stream in domain.streams
    }
    return dg.Definitions(
        asset_checks=[
            _checks(stream, windows[stream.name])
            for stream in domain.streams
            if windows[stream.name]
        ]
    )


def check_name(window: str) -> str:
    """The check of a live window."""
    return f"parity_{window}"


def _checks(stream: EventStream, windows: list[LiveWindow]) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        name=f"parity_of_{stream.name}",
        specs=[_spec(stream, window) for window in windows],
        pool="warehouse",
    )
    def parity(
        context: dg.AssetCheckExecutionContext,
        clock: dg.ResourceParam[Clock],
        store: dg.ResourceParam[ControlStore],
        dbt: dg.ResourceParam[DbtProject],
    ) -> Iterator[dg.AssetCheckResult]:
        from analytics_platform.adapters.live_parity import Subject, audit_parity

        url, now = dbt.settings.stream_state_url, clock.now()
        with retrying(context.op_execution_context):
            manifest = json.loads(dbt.semantic_manifest_path.read_bytes())
            subject = Subject(stream, windows, manifest)
            found = audit_parity(dbt.warehouse, url, subject, now=now)
        run_id = context.run.run_id
        store.verdicts.record([_verdict(stream, one, run_id, now) for one in found])
        yield from (_result(stream, one) for one in found)

    return parity


def _verdict(
    stream: EventStream, found: "Judgement", run_id: str, now: datetime
) -> Verdict:
    return Verdict(
        asset=events_key(stream).to_user_string(),
        partition=None,
        check=check_name(found.window),
        passed=found.passed,
        severity=found.severity,
        blocking=False,
        failing_rows=found.parity.differing,
        total_rows=found.parity.compared,
        detail=found.detail,
        run_id=run_id,
        evaluated_at=now,
    )


def _spec(stream: EventStream, window: LiveWindow) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        name=check_name(window.name),
        asset=events_key(stream),
        additional_deps=[dg.AssetKey(stream.relation.split("."))],
        description=f"{stream.relation} has the figures of the live window "
        f"{window.name}, late events counted in; comparing nothing never passes.",
    )


def _result(stream: EventStream, found: "Judgement") -> dg.AssetCheckResult:
    parity = found.parity
    metadata: dict[str, dg.MetadataValue] = {
        "windows_compared": dg.MetadataValue.int(parity.compared),
        "windows_that_differ": dg.MetadataValue.int(parity.differing),
        "with_late_events": dg.MetadataValue.int(parity.with_late),
        "with_repeated_events": dg.MetadataValue.int(parity.with_repeats),
    }
    if found.span:
        first, last = found.span
        metadata["compared_from"] = dg.MetadataValue.timestamp(first / 1000)
        metadata["compared_to"] = dg.MetadataValue.timestamp(last / 1000)
    if parity.unstated:
        metadata["without_a_stated_bound"] = dg.MetadataValue.json(
            list(parity.unstated)
        )
    if parity.first:
        metadata["first_differences"] = dg.MetadataValue.json(
            [one._asdict() for one in parity.first]
        )
    return dg.AssetCheckResult(
        asset_key=events_key(stream),
        check_name=check_name(found.window),
        passed=found.passed,
        severity=dg.AssetCheckSeverity[found.severity.name],
        description=found.detail,
        metadata=metadata,
    )
