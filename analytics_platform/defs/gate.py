"""The gate at the door of each step: nothing is built from what is red."""

import dagster as dg

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.contracts.records import Verdict
from analytics_platform.core.gate import Graph, Part, blockers, buildable, in_force
from analytics_platform.defs.graph import neutral_graph, whole_graph

KEPT_BACK = "kept_back"  # the entry of a Failure's metadata that names what it is


def require_open(context: dg.AssetExecutionContext, store: ControlStore) -> None:
    """Refuse to build partitions whose inputs are red, whoever started the run.

    Raises:
        dagster.Failure: some of the run's partitions are kept back; its metadata
            names them. The good ones are built by a run that leaves these out.
    """
    graph = neutral_graph(whole_graph(context))
    wanted = _wanted(context, graph)
    verdicts = in_force(store.verdicts.latest(), wanted)
    allowed = buildable(graph, verdicts, wanted)
    kept_back = {
        asset: sorted(str(part or "") for part in parts - allowed[asset])
        for asset, parts in wanted.items()
        if parts - allowed[asset]
    }
    if kept_back:
        raise dg.Failure(
            description=_description(graph, verdicts, kept_back),
            metadata={KEPT_BACK: dg.MetadataValue.json(kept_back)},
            allow_retries=False,
        )


def _wanted(
    context: dg.AssetExecutionContext, graph: Graph
) -> dict[str, frozenset[Part]]:
    whole: frozenset[Part] = frozenset({None})
    names = {key.to_user_string() for key in context.selected_asset_keys}
    partitioned = names & graph.partitioned
    keys: frozenset[Part] = frozenset(context.partition_keys if partitioned else ())
    return {name: keys if name in partitioned else whole for name in names}


def _description(
    graph: Graph, verdicts: list[Verdict], kept_back: dict[str, list[str]]
) -> str:
    causes = {
        f"{verdict.asset} {verdict.partition or ''}".strip() + f" ({verdict.check})"
        for asset, parts in kept_back.items()
        for part in parts
        for verdict in blockers(graph, verdicts, asset, part or None)
    }
    return (
        f"Kept back {', '.join(sorted(kept_back))}: red blocking checks on "
        f"{'; '.join(sorted(causes))}. Mend these, or leave their partitions out."
    )
