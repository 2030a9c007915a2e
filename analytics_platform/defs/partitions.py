"""The domain's time partitions as Dagster knows them."""

from datetime import date

import dagster as dg

from analytics_platform.contracts.domain import Partitions
from analytics_platform.core.partitions import keys, next_start


def partitions_definition(
    partitions: Partitions,
) -> dg.TimeWindowPartitionsDefinition:
    """Partitions from the domain's start to its end, keyed by their first day.

    A week or month in which the domain starts or ends is a partition like the others.
    """
    every = keys(partitions)
    start = every[0]
    end = next_start(partitions, date.fromisoformat(every[-1])).isoformat()
    if partitions.grain == "month":
        return dg.MonthlyPartitionsDefinition(start_date=start, end_date=end)
    if partitions.grain == "week":
        return dg.WeeklyPartitionsDefinition(start_date=start, end_date=end)
    return dg.DailyPartitionsDefinition(start_date=start, end_date=end)
