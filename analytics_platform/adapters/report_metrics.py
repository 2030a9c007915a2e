"""Compiles a report's metrics by the semantic manifest that its snapshot holds."""

from collections.abc import Sequence

from analytics_platform.adapters.report_data import MetricCompiler
from analytics_platform.adapters.semantic_layer import MetricRequest, SemanticLayer
from analytics_platform.adapters.snapshots import Snapshot
from analytics_platform.core.metric_filters import Filter
from analytics_platform.core.report_builder import Period


def metric_compiler(snapshot: Snapshot, time: str) -> MetricCompiler:
    """Metrics over the snapshot's tables; `time` is the dimension of periods."""
    layer = SemanticLayer(snapshot.semantic_manifest, "duckdb")

    def compiled(
        metrics: Sequence[str],
        group_by: Sequence[str],
        period: Period | None = None,
    ) -> str:
        where = (
            (Filter(time, ">=", period.first), Filter(time, "<=", period.last))
            if period
            else ()
        )
        return layer.sql(MetricRequest(tuple(metrics), tuple(group_by), where))

    return compiled
