"""What holds for every asset: an owner, freshness, automation."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

import dagster as dg

from analytics_platform.contracts.domain import Domain
from analytics_platform.defs.lineage import LIVE, OUTSIDE
from analytics_platform.errors import InvalidUsage

# Trained on a schedule, not with every new row: a training needs weeks of new data.
SCHEDULED_GROUPS = frozenset({"training"})
SOURCE_GROUPS = frozenset({"ingestion"})
# Freshness in less real time than one tick and run take would be always broken.
_SHORTEST_WINDOW = timedelta(minutes=15)


def apply_policy(
    definitions: dg.Definitions, *, domain: Domain, speed: float
) -> dg.Definitions:
    """Give every asset freshness and automation; refuse one without owner.

    `speed` is that of the platform's clock: a replay at 600 times makes a day of
    data every 144 seconds, so freshness windows shrink alike.
    """
    windows = {f"raw/{table.name}": table.fresh_within for table in domain.tables}
    specs = definitions.resolve_all_asset_specs()
    partitioned = {spec.key for spec in specs if spec.partitions_def is not None}
    longest = max(windows.values())

    def with_policy(spec: dg.AssetSpec) -> dg.AssetSpec:
        if _is_external(spec):
            return spec
        if not spec.owners:
            raise InvalidUsage(
                f"The asset {spec.key.to_user_string()} has no owner.",
                hint="Declare an owner, as team:data or an e-mail address.",
            )
        window = windows.get(spec.key.to_user_string(), longest)
        if spec.group_name in SCHEDULED_GROUPS:
            window = timedelta(days=8)
        policy = dg.FreshnessPolicy.time_window(
            fail_window=max(window / speed, _SHORTEST_WINDOW)
        )
        spec = spec.replace_attributes(freshness_policy=policy)
        condition = automation_condition(spec, partitioned)
        if condition is None:
            return spec
        return spec.replace_attributes(automation_condition=condition)

    return definitions.map_asset_specs(func=with_policy)


def automation_condition(
    spec: dg.AssetSpec, partitioned: Collection[dg.AssetKey]
) -> "dg.AutomationCondition[Any] | None":
    """When an asset builds itself: after a dependency did, unless one is running.

    What reads partitions follows these alone: a reference table that is loaded anew
    every day would otherwise rebuild all history every day. It reaches the open
    partition with its next increment, the others when they are built again.
    Sources follow the clock and training its schedule instead. Dagster's own
    `eager` looks at the latest time window by wall time, which a replay is not in.
    """
    if spec.group_name in SCHEDULED_GROUPS | SOURCE_GROUPS:
        return None
    condition = dg.AutomationCondition
    ready = ~condition.any_deps_in_progress() & ~condition.in_progress()
    deps = {dep.asset_key for dep in spec.deps}
    trigger = condition.any_deps_updated()
    if wholes := deps.difference(partitioned) if deps & set(partitioned) else set():
        trigger = trigger.ignore(dg.AssetSelection.assets(*wholes))
    updated = trigger.since_last_handled()
    if spec.partitions_def is not None:
        ready = ready & ~condition.any_deps_missing()
    return updated & ready


def _is_external(spec: dg.AssetSpec) -> bool:
    return spec.key.path[0] == "source" or spec.group_name in {OUTSIDE, LIVE}
