"""Runs the plans of many seeds side by side, on one broker."""

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from analytics_platform.adapters.kafka_broker import KafkaBroker
from tests.domains import readings as domain
from tests.support.fault_plans import Fault, Plan
from tests.support.fault_runs import Outcome, SharedBroker, run_plan
from tests.support.stream_homes import make_stream_home


def run_plans(
    plans: Sequence[Plan],
    kafka: KafkaBroker,
    folder: Path,
    *,
    at_once: int,
    say: Callable[[str], object] = print,
) -> list[Outcome]:
    """What each plan led to; `say` is told as soon as one is through.

    Homes and outputs of those that differ are left in the folder, by seed.
    """
    broker, outcomes, made = SharedBroker(kafka), [], folder / "made"
    make_stream_home(made, domain.semantic_manifest())
    with ThreadPoolExecutor(at_once) as pool:
        runs = [
            pool.submit(run_plan, one, made, folder / str(one.seed), broker)
            for one in plans
        ]
        for run in as_completed(runs):
            found = run.result()
            if not found.differences:
                shutil.rmtree(folder / str(found.plan.seed))
            say(str(found))
            outcomes.append(found)
    return sorted(outcomes, key=lambda one: one.plan.seed)


def summary(outcomes: Sequence[Outcome]) -> list[str]:
    """One line for each kind of fault, each step, and all together."""
    lines = []
    for fault in Fault:
        some = [one for one in outcomes if fault in {a.fault for a in one.plan.acts}]
        lines.append(_line(str(fault), some))
    good = [one for one in outcomes if not one.differences]
    lines.append(
        f"{len(good)} of {len(outcomes)} seeds equal: "
        f"{sum(one.events for one in good):,} events, "
        f"{sum(one.windows for one in good):,} windows, "
        f"{sum(one.starts for one in good):,} sidecars started"
    )
    return lines


def _line(name: str, some: Sequence[Outcome]) -> str:
    times = sum(str(act.fault) == name for one in some for act in one.plan.acts)
    equal = sum(not one.differences for one in some)
    return f"{name:24} {times:4} times in {len(some):3} seeds, {equal:3} equal"
