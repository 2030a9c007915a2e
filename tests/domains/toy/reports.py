"""The report of the toy domain."""

from datetime import timedelta

from analytics_platform.contracts.domain import ReportField, ReportSection, ReportSpec

_METRICS = ("rentals", "mean_duration_minutes", "overdue_share")

REPORTS = (
    ReportSpec(
        name="bike_rentals",
        title="Bike rentals",
        description="Where bikes are rented, and which come back too late.",
        owner="team:bikes",
        headlines=_METRICS,
        period=timedelta(days=7),
        fields=(
            ReportField(name="metric_time__day", title="Day", style="date"),
            ReportField(name="rentals", title="Rentals", style="integer"),
            ReportField(
                name="mean_duration_minutes", title="Mean duration", unit="min"
            ),
            ReportField(
                name="overdue_share", title="Overdue", style="percent", better="lower"
            ),
            ReportField(name="station__station_name", title="Station", style="text"),
            ReportField(name="rental_date", title="Day", style="date"),
            ReportField(name="hours_in_day", title="Hours", style="integer"),
            ReportField(name="rentals_per_hour", title="Rentals an hour", decimals=2),
        ),
        sections=(
            ReportSection(
                title="Day by day",
                text="By local day of the start.",
                metrics=_METRICS,
                group_by=("metric_time__day",),
                order_by="metric_time__day",
                plotted=("rentals", "overdue_share"),
            ),
            ReportSection(
                title="Stations compared",
                text="The station with the most overdue rentals first.",
                metrics=_METRICS,
                group_by=("station__station_name",),
                order_by="overdue_share",
                descending=True,
                chart="bar",
            ),
            ReportSection(
                title="Days that are not 24 hours long",
                text="Cairo changed its clocks twice in this month.",
                relation="mart_station_daily",
                columns=("rental_date", "hours_in_day", "rentals", "rentals_per_hour"),
                where="hours_in_day <> 24 and station_code = 'ZAM'",
                order_by="rental_date",
                chart="none",
            ),
        ),
    ),
)
