"""The neutral report value that renderers show, and one way to write its figures."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Literal

from analytics_platform.contracts.records import Scalar

MISSING = "\u2013"
_NO_BREAK = "\u00a0"
_MINUS = "\u2212"
_MONTHS = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)


class Style(StrEnum):
    """How the values of a field are written."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    PERCENT = "percent"  # a share from 0 to 1, written in percent
    DATE = "date"  # ISO text, such as 2013-10-31
    INSTANT = "instant"  # ISO text in UTC


class Badge(StrEnum):
    """What the checks behind a report say of its data."""

    GREEN = "green"
    WARNING = "warning"
    RED = "red"


@dataclass(frozen=True)
class Field:
    """One column of a table or one figure; `lineage` names what it is computed from.

    An entry of `lineage` is an asset's column, such as `marts/daily.late_share`; an
    empty lineage is that of a count of rows, None one that nobody knows.
    `labels` are (value as text, word shown for it) pairs.
    """

    name: str
    title: str
    style: Style = Style.TEXT
    unit: str | None = None
    decimals: int = 1
    better: Literal["lower", "higher"] | None = None
    labels: tuple[tuple[str, str], ...] = ()
    lineage: tuple[str, ...] | None = None

    @property
    def is_figure(self) -> bool:
        """Whether values are quantities, which are set flush right."""
        return self.style in {Style.INTEGER, Style.NUMBER, Style.PERCENT}

    @property
    def heading(self) -> str:
        """The title with its unit, as a table's head or an axis shows it."""
        if self.unit is None or self.style is Style.PERCENT:
            return self.title
        return f"{self.title} ({self.unit})"


@dataclass(frozen=True)
class Table:
    """Rows of values (n x k), one value per field; dates and instants are ISO text."""

    fields: tuple[Field, ...]
    rows: tuple[tuple[Scalar, ...], ...]

    def field(self, name: str) -> Field:
        """The field of that name."""
        return self.fields[self._position(name)]

    def values(self, name: str) -> tuple[Scalar, ...]:
        """One column's values, in row order."""
        position = self._position(name)
        return tuple(row[position] for row in self.rows)

    def _position(self, name: str) -> int:
        return [field.name for field in self.fields].index(name)


@dataclass(frozen=True)
class Chart:
    """A picture of a table: which of its fields go where.

    `trend` is a smoothed `y` drawn over it; `diagonal` draws where y equals x.
    `description` says in words what can be seen.
    """

    kind: Literal["line", "bar", "heatmap", "points"]
    title: str
    data: Table
    x: str
    y: str
    color: str | None = None
    trend: str | None = None
    diagonal: bool = False
    description: str = ""


@dataclass(frozen=True)
class Section:
    """A titled part of a report; without rows its notes say why there are none."""

    chapter: str
    anchor: str
    title: str
    text: str
    charts: tuple[Chart, ...] = ()
    table: Table | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Headline:
    """A figure on top: its value in the last period and in the one before."""

    field: Field
    value: float | None
    previous: float | None

    @property
    def change(self) -> float | None:
        """The value less the one before; None where either is missing."""
        if self.value is None or self.previous is None:
            return None
        return self.value - self.previous

    @property
    def news(self) -> Literal["good", "bad", "neutral"]:
        """Whether the change, as far as it can be seen, is in the better direction."""
        shown = "" if self.change is None else change_text(self)
        if self.field.better is None or not shown or shown[0] not in f"+{_MINUS}":
            return "neutral"
        rises = shown[0] == "+"
        return "good" if rises == (self.field.better == "higher") else "bad"


@dataclass(frozen=True)
class Provenance:
    """What a report was made from. `runs` are (what was done, run id) pairs."""

    snapshot: str
    manifest_sha256: str
    runs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Report:
    """Everything a reader is told; renderers add form and nothing else.

    `as_of` is the instant of the data on the platform's clock, `data_date` the last
    day with data, and `period` the days that the headlines cover, in words.
    """

    name: str
    title: str
    description: str
    as_of: datetime
    data_date: date | None
    badge: Badge
    badge_text: str
    period: str
    headlines: tuple[Headline, ...]
    sections: tuple[Section, ...]
    provenance: Provenance


def written(value: Scalar, field: Field, *, unit: bool = False) -> str:
    """A value as people read it; with `unit`, the field's unit after it."""
    if value is None or value != value:  # noqa: PLR0124  not a number
        return MISSING
    if isinstance(value, bool | str) or field.labels or not field.is_figure:
        return _word(value, field)
    text = _figure(value, field)
    if unit and field.unit and field.style is not Style.PERCENT:
        return f"{text}{_NO_BREAK}{field.unit}"
    return text


def change_text(headline: Headline) -> str:
    """The change with its sign: points for shares, the unit for all else.

    A count's change is given in percent of the value before, where that is not zero.
    """
    change, previous = headline.change, headline.previous
    if change is None or previous is None:
        return "no earlier period"
    field = headline.field
    if field.style is Style.PERCENT:
        return _signed(change * 100, field.decimals, "pp")
    if field.style is Style.INTEGER and previous:
        return _signed(change / previous * 100, 1, "%")
    return _signed(change, field.decimals, field.unit or "")


def day_text(day: date) -> str:
    """A date as `31 Oct 2013`."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def instant_text(instant: datetime) -> str:
    """An instant as `31 Oct 2013, 08:00 UTC`."""
    return f"{day_text(instant.date())}, {instant:%H:%M} UTC"


def columns_behind(report: Report) -> dict[str, tuple[str, ...] | None]:
    """Each figure and table column of a report with the asset columns behind it."""
    found: dict[str, tuple[str, ...] | None] = {
        f"headline.{headline.field.name}": headline.field.lineage
        for headline in report.headlines
    }
    for section in report.sections:
        tables = [chart.data for chart in section.charts]
        for table in [*tables, *([section.table] if section.table else [])]:
            for field in table.fields:
                found[f"{section.anchor}.{field.name}"] = field.lineage
    return found


def to_plain(report: Report) -> dict[str, object]:
    """The report as lists, dicts, texts and numbers, ready for JSON."""
    plain: dict[str, object] = asdict(report)
    plain["as_of"] = report.as_of.isoformat()
    plain["data_date"] = report.data_date.isoformat() if report.data_date else None
    return plain


def table_of(fields: Sequence[Field], rows: Sequence[Sequence[Scalar]]) -> Table:
    """A table of the given rows, each as long as the fields."""
    return Table(tuple(fields), tuple(tuple(row) for row in rows))


def _figure(value: float, field: Field) -> str:
    if field.style is Style.PERCENT:
        return f"{_number(value * 100, field.decimals)}{_NO_BREAK}%"
    decimals = 0 if field.style is Style.INTEGER else field.decimals
    return _number(value, decimals)


def _number(value: float, decimals: int) -> str:
    text = f"{value:,.{decimals}f}"
    if text.startswith("-"):
        rest = text[1:]
        return rest if not rest.strip("0.,") else f"{_MINUS}{rest}"
    return text


def _signed(value: float, decimals: int, unit: str) -> str:
    text = _number(value, decimals)
    if not text.strip("0.,"):
        return "unchanged"
    sign = "" if text.startswith(_MINUS) else "+"
    return f"{sign}{text}{_NO_BREAK}{unit}".rstrip()


def _word(value: Scalar, field: Field) -> str:
    text = str(value)
    if field.labels:
        return dict(field.labels).get(text, text)
    if field.style is Style.DATE:
        return day_text(date.fromisoformat(text[:10]))
    if field.style is Style.INSTANT:
        return instant_text(datetime.fromisoformat(text))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return text
