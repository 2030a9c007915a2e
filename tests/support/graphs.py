"""A small graph of real Dagster assets whose checks can be turned red.

raw (months) ---> mart (months) ---> model (whole)
dim (whole) -------^                    aside (whole, reads dim)

A step of its own judges mart, with a blocking check and without.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import dagster as dg

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.contracts.domain import Severity
from analytics_platform.contracts.records import Verdict
from analytics_platform.defs.console import quiet_console
from analytics_platform.defs.gate import require_open
from analytics_platform.defs.partition_results import emit

MONTHS = dg.MonthlyPartitionsDefinition("2013-01-01", end_date="2014-01-01")
KEYS = tuple(MONTHS.get_partition_keys())


@dataclass
class Knobs:
    """What the assets do on their next run, and what they built so far."""

    store: ControlStore
    red: dict[str, set[str]] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)  # names of steps
    built: list[tuple[str, str]] = field(default_factory=list)


def definitions(knobs: Knobs) -> dg.Definitions:
    """The graph; its assets note in `knobs.built` what they built."""
    return dg.Definitions(
        assets=[
            _months("raw", knobs),
            _months("mart", knobs, deps=["raw", "dim"]),
            _whole("dim", knobs),
            _whole("model", knobs, deps=["mart"]),
            _whole("aside", knobs, deps=["dim"]),
        ],
        asset_checks=[
            _judging("checks_of_mart", "mart", knobs, blocking=True),
            _judging("hints_on_mart", "mart", knobs, blocking=False),
        ],
        executor=dg.in_process_executor,
        loggers={"console": quiet_console},
    )


def _months(
    name: str, knobs: Knobs, deps: list[str] | None = None
) -> dg.AssetsDefinition:
    @dg.asset(
        name=name,
        deps=deps or [],
        partitions_def=MONTHS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[dg.AssetCheckSpec("sound", asset=name, blocking=True)],
    )
    def asset(context: dg.AssetExecutionContext) -> Iterator[object]:
        if name in knobs.failing:
            raise RuntimeError(f"{name} is broken")
        require_open(context, knobs.store)
        red = knobs.red.get(name, set())
        verdicts = [
            verdict(name, key, context.run.run_id, passed=key not in red)
            for key in context.partition_keys
        ]
        knobs.store.verdicts.record(verdicts)
        knobs.built += [(name, key) for key in context.partition_keys]
        yield from emit(
            context,
            context.asset_key,
            verdicts,
            {key: {} for key in context.partition_keys},
        )
        if f"after {name}" in knobs.failing:
            raise RuntimeError(f"{name} broke at its end")

    return asset


def _whole(
    name: str, knobs: Knobs, deps: list[str] | None = None
) -> dg.AssetsDefinition:
    @dg.asset(name=name, deps=deps or [])
    def asset(context: dg.AssetExecutionContext) -> None:
        require_open(context, knobs.store)
        if name in knobs.failing:
            raise RuntimeError(f"{name} is broken")
        knobs.built.append((name, ""))

    return asset


def _judging(
    step: str, asset: str, knobs: Knobs, *, blocking: bool
) -> dg.AssetChecksDefinition:
    """Checks of an asset in a step of their own."""
    specs = [
        dg.AssetCheckSpec(f"{step}_{n}", asset=asset, blocking=blocking) for n in "ab"
    ]

    @dg.multi_asset_check(name=step, specs=specs)
    def checks() -> Iterator[dg.AssetCheckResult]:
        if step in knobs.failing:
            raise RuntimeError(f"{step} is broken")
        for spec in specs:
            yield dg.AssetCheckResult(check_name=spec.name, passed=True)

    return checks


def verdict(asset: str, partition: str | None, run_id: str, *, passed: bool) -> Verdict:
    """A blocking verdict on one part."""
    return Verdict(
        asset=asset,
        partition=partition,
        check="sound",
        passed=passed,
        severity=Severity.ERROR,
        blocking=True,
        failing_rows=0 if passed else 1,
        total_rows=10,
        run_id=run_id,
        evaluated_at=datetime.now(UTC),
    )
