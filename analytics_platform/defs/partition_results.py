"""Tells Dagster what a step found and built, partition by partition."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg

from analytics_platform.contracts.records import Verdict
from analytics_platform.core.quality import red_partitions
from analytics_platform.defs.check_evaluations import log_checks

Metadata = Mapping[str, dg.MetadataValue | str | int | float]
Event = dg.MaterializeResult[None] | dg.Output[None]

RED = "red"  # the entry of a Failure's metadata that names what is red
_WHOLE = ""  # JSON has no None among keys


@dataclass(frozen=True)
class AssetResult:
    """What a step did with one asset.

    Attributes:
        verdicts: of all its checks, on all parts that the step looked at.
        partitions: what it materialized, with metadata by partition; None for an
            unpartitioned asset.
        metadata: of the asset as a whole, part of each materialization.
    """

    asset: dg.AssetKey
    verdicts: Sequence[Verdict] = ()
    partitions: Mapping[str, Metadata] | None = None
    metadata: Metadata = field(default_factory=dict)


def report(
    context: dg.AssetExecutionContext, results: Sequence[AssetResult]
) -> Iterator[Event]:
    """End a step: log its checks, then what it materialized.

    All green: ordinary results, so Dagster materializes every partition of the run.
    Something blocking is red: materializations of the good partitions only, and

    Raises:
        dagster.Failure: something blocking is red. Its metadata entry `red` names
            the checks by asset and partition (`red_in` reads it).
    """
    log_checks(context, [one for result in results for one in result.verdicts])
    red = {
        result.asset.to_user_string(): found
        for result in results
        if (found := red_partitions(result.verdicts))
    }
    if red:
        for result in results:
            _log_good(context, result)
        raise red_failure(red)
    yield from _all_green(context, results)


def good_parts(result: AssetResult) -> list[str | None]:
    """The parts of an asset that a step built and no blocking check found red."""
    red = red_partitions(result.verdicts)
    if None in red:
        return []
    built = [None] if result.partitions is None else result.partitions
    return [part for part in built if part not in red]


def emit(
    context: dg.AssetExecutionContext,
    asset: dg.AssetKey,
    verdicts: Sequence[Verdict],
    partitions: Mapping[str, Metadata] | None = None,
    metadata: Metadata | None = None,
) -> Iterator[Event]:
    """`report` for a step of one asset."""
    yield from report(
        context, [AssetResult(asset, verdicts, partitions, metadata or {})]
    )


def red_failure(red: Mapping[str, Mapping[str | None, Sequence[str]]]) -> dg.Failure:
    """The failure of a step whose blocking checks are red, by asset and partition."""
    told = {
        asset: {part or _WHOLE: list(checks) for part, checks in parts.items()}
        for asset, parts in red.items()
    }
    return dg.Failure(
        description="Red blocking checks: "
        + "; ".join(
            f"{asset} {part}".strip() + f" ({', '.join(checks)})"
            for asset, parts in told.items()
            for part, checks in parts.items()
        ),
        metadata={RED: dg.MetadataValue.json(told)},
        allow_retries=False,
    )


def red_in(
    metadata: Mapping[str, dg.MetadataValue],
) -> dict[str, dict[str | None, list[str]]]:
    """What `red_failure` told: red checks by asset and partition (None: whole)."""
    value = metadata.get(RED)
    told = value.value if isinstance(value, dg.JsonMetadataValue) else {}
    if not isinstance(told, Mapping):
        return {}
    return {
        str(asset): {part or None: list(checks) for part, checks in parts.items()}
        for asset, parts in told.items()
    }


def _log_good(context: dg.AssetExecutionContext, result: AssetResult) -> None:
    """Log a materialization of each good part; one cannot be taken back later."""
    for part in good_parts(result):
        metadata = (result.partitions or {}).get(part, {}) if part else {}
        context.log_event(
            dg.AssetMaterialization(
                asset_key=result.asset,
                partition=part,
                metadata={**result.metadata, **metadata},
            )
        )


def _all_green(
    context: dg.AssetExecutionContext, results: Sequence[AssetResult]
) -> Iterator[Event]:
    for result in results:
        for part, metadata in (result.partitions or {}).items():
            if metadata:
                context.add_asset_metadata(metadata, result.asset, part)
        yield dg.MaterializeResult(asset_key=result.asset, metadata=result.metadata)
    selected = context.selected_asset_check_keys
    for spec in context.assets_def.check_specs:
        # Downstream steps wait for a blocking check's output.
        if spec.key in selected and _was_judged(spec, results):
            yield dg.Output(None, output_name=spec.get_python_identifier())


def _was_judged(spec: dg.AssetCheckSpec, results: Sequence[AssetResult]) -> bool:
    return any(spec.asset_key == result.asset for result in results)
