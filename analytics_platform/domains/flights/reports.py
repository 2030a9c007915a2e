"""The reports of the reference domain."""

from analytics_platform.contracts.domain import ReportField, ReportSection, ReportSpec

_FIELDS = (
    ReportField(name="metric_time__day", title="Day", style="date"),
    ReportField(name="flights", title="Flights", style="integer"),
    ReportField(
        name="cancelled_share", title="Cancelled", style="percent", better="lower"
    ),
    ReportField(
        name="late_share",
        title="Arrived late",
        style="percent",
        better="lower",
    ),
    ReportField(
        name="mean_arrival_delay_minutes",
        title="Mean arrival delay",
        unit="min",
        better="lower",
    ),
    ReportField(
        name="mean_departure_delay_minutes",
        title="Mean departure delay",
        unit="min",
        better="lower",
    ),
    ReportField(
        name="p90_arrival_delay_minutes",
        title="p90 arrival delay",
        unit="min",
        decimals=0,
        better="lower",
    ),
    ReportField(name="carrier__carrier_name", title="Carrier", style="text"),
    ReportField(name="flight__origin_code", title="From", style="text"),
    ReportField(name="flight__destination_code", title="To", style="text"),
    ReportField(
        name="flight__scheduled_departure_hour_local",
        title="Scheduled departure",
        style="integer",
        unit="local hour",
    ),
    ReportField(
        name="flight__flight_weekday",
        title="Weekday",
        style="text",
        labels={
            "1": "Mon",
            "2": "Tue",
            "3": "Wed",
            "4": "Thu",
            "5": "Fri",
            "6": "Sat",
            "7": "Sun",
        },
    ),
    ReportField(name="flight__weather_condition", title="Weather", style="text"),
)

_COMPARED = (
    "flights",
    "late_share",
    "mean_arrival_delay_minutes",
    "p90_arrival_delay_minutes",
    "cancelled_share",
)
# Fewer flights than one in two days say more of chance than of the route.
_ENOUGH = "flights >= 180"

FLIGHT_OPERATIONS = ReportSpec(
    name="flight_operations",
    title="Flight operations",
    description="How punctual carriers and airports are, what drives delay, and how "
    "well it is predicted: every flight out of New York City.",
    owner="team:operations",
    headlines=(
        "flights",
        "late_share",
        "mean_arrival_delay_minutes",
        "p90_arrival_delay_minutes",
        "cancelled_share",
    ),
    fields=_FIELDS,
    sections=(
        ReportSection(
            title="Punctuality over time",
            text="By day of departure. What is late is defined by the metric "
            "late_flights; cancelled and diverted flights have no delay.",
            metrics=("late_share", "mean_arrival_delay_minutes", "cancelled_share"),
            group_by=("metric_time__day",),
            order_by="metric_time__day",
            plotted=("late_share", "mean_arrival_delay_minutes"),
            smooth=7,
        ),
        ReportSection(
            title="Carriers compared",
            text="All flights up to the data date, the least punctual first.",
            metrics=_COMPARED,
            group_by=("carrier__carrier_name",),
            order_by="late_share",
            descending=True,
            chart="bar",
            plotted=("late_share", "mean_arrival_delay_minutes"),
        ),
        ReportSection(
            title="Airports compared",
            text="By airport of departure, the least punctual first.",
            metrics=_COMPARED,
            group_by=("flight__origin_code",),
            order_by="late_share",
            descending=True,
            chart="bar",
            plotted=("late_share", "mean_arrival_delay_minutes"),
        ),
        ReportSection(
            title="Hour of day and day of week",
            text="Delay builds up over the day: early flights wait for nobody.",
            metrics=("late_share", "flights"),
            group_by=(
                "flight__scheduled_departure_hour_local",
                "flight__flight_weekday",
            ),
            chart="heatmap",
            where="flights >= 50",
            plotted=("late_share",),
        ),
        ReportSection(
            title="Weather at departure",
            text="Observed at the airport of departure in the scheduled hour.",
            metrics=_COMPARED,
            group_by=("flight__weather_condition",),
            order_by="late_share",
            descending=True,
            chart="bar",
            plotted=("late_share", "cancelled_share"),
        ),
        ReportSection(
            title="Least punctual routes",
            text="Routes with at least 180 flights.",
            metrics=_COMPARED,
            group_by=("flight__origin_code", "flight__destination_code"),
            where=_ENOUGH,
            order_by="late_share",
            descending=True,
            chart="bar",
            plotted=("late_share", "mean_arrival_delay_minutes"),
            limit=12,
        ),
        ReportSection(
            title="Most punctual routes",
            text="Routes with at least 180 flights.",
            metrics=_COMPARED,
            group_by=("flight__origin_code", "flight__destination_code"),
            where=_ENOUGH,
            order_by="late_share",
            chart="bar",
            plotted=("late_share", "mean_arrival_delay_minutes"),
            limit=12,
        ),
    ),
)

REPORTS: tuple[ReportSpec, ...] = (FLIGHT_OPERATIONS,)
