"""The domain's time partitions as Dagster knows them."""

import dagster as dg

from analytics_platform.contracts.domain import Partitions


def partitions_definition(
    partitions: Partitions,
) -> dg.TimeWindowPartitionsDefinition:
    """Partitions from the domain's start to its end, keyed by their first day."""
    start, end = partitions.start.isoformat(), partitions.end.isoformat()
    if partitions.grain == "month":
        return dg.MonthlyPartitionsDefinition(start_date=start, end_date=end)
    if partitions.grain == "week":
        return dg.WeeklyPartitionsDefinition(start_date=start, end_date=end)
    return dg.DailyPartitionsDefinition(start_date=start, end_date=end)
