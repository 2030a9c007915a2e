"""Compiles a table's contract to the SQL that finds every arriving row breaking it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from analytics_platform.contracts.domain import TableSpec
from analytics_platform.core.exact_casts import literal, misfit, quoted, value
from analytics_platform.core.schema_contract import ArrivedType

ROW = "__row"  # position of a row in what arrived
LINE = "__line"  # text of a line that could not be cut into columns
REASON = "__reason"  # why a row was refused
PARTITION = "partition_date"

_Reason = tuple[str, str]  # a predicate, and SQL for the text that explains it


@dataclass(frozen=True)
class Scope:
    """Which of the rows that arrived are meant.

    Rows of partitions in [start, end) (both None: a table without partitions), known
    at `now` or before (None: whatever arrived is known). A row outside the range was
    not asked for (`outside="ignore"`) or breaks the contract (`outside="refuse"`).
    With a `cursor` column, rows from the first unknown one on are left for later, as
    the next load starts behind the last row that this one takes.
    """

    start: date | None = None
    end: date | None = None
    now: datetime | None = None
    grain: Literal["day", "week", "month"] = "month"
    outside: Literal["ignore", "refuse"] = "ignore"
    cursor: str | None = None


@dataclass(frozen=True)
class ContractSql:
    """One table's contract for one set of arrived column types, as DuckDB SQL.

    The queries read `arrived` (what came, numbered by `__row`) and the answers of those
    before: `typed`, `checked` and `duplicates`.
    """

    spec: TableSpec
    arrived: Mapping[str, ArrivedType]
    scope: Scope

    def typed_query(self) -> str:
        """All rows in contract types, null where a value does not fit."""
        values = []
        for column in self.spec.columns:
            name, kind = _source(column.name), self.arrived[column.name]
            cast = value(name, kind, column.type)
            wrong = misfit(name, kind, column.type)
            if wrong:  # a rounded number must not pass for the key of another row
                cast = f"case when not ({wrong}) then {cast} end"
            values.append(f"{cast} as {quoted(column.name)}")
        misfits = _any(self._misfits())
        return f"select {ROW}, {', '.join(values)}, {misfits} as __misfit from arrived"

    def checked_query(self) -> str:
        """Rows in scope in contract types, with `partition_date` and `__bad`."""
        return (
            f"with placed as (select *, {self._partition()} as {PARTITION}, "
            f"{self._known_at()} as __known from typed) "
            f"select * exclude (__misfit, __known), "
            f"__misfit or {_any(self._rules())} as __bad "
            f"from placed where {self._in_scope()}"
        )

    def duplicates_query(self) -> str:
        """Positions of the checked rows that share their key with another one."""
        key = ", ".join(quoted(name) for name in self.spec.key)
        present = " and ".join(f"{quoted(n)} is not null" for n in self.spec.key)
        return (
            f"select {ROW} from checked semi join (select {key} from checked "
            f"where {present} group by {key} having count(*) > 1) using ({key})"
        )

    def reasons_query(self) -> str:
        """Position, partition and reasons of every row that breaks the contract."""
        twice = f"the key ({', '.join(self.spec.key)}) occurs more than once"
        is_twice = f"{ROW} in (select {ROW} from duplicates)"
        return (
            f"with refused as (select * from checked where __bad or {is_twice}), "
            f"misfits as (select {ROW}, {_texts(self._misfits())} as why from arrived "
            f"where {ROW} in (select {ROW} from refused)), "
            f"rules as (select {ROW}, {PARTITION}, {_texts(self._rules())} as why, "
            f"case when {is_twice} then {literal(twice)} end as twice from refused) "
            f"select {ROW}, {PARTITION}, concat_ws('; ', nullif(misfits.why, ''), "
            f"nullif(rules.why, ''), twice) as {REASON} "
            f"from rules join misfits using ({ROW}) order by {ROW}"
        )

    def _misfits(self) -> list[_Reason]:
        """Reasons that show in the columns as they arrived."""
        found: list[_Reason] = []
        whole = ""
        if LINE in self.arrived:
            unreadable = literal("the line cannot be cut into columns")
            found.append((f"{LINE} is not null", unreadable))
            whole = f"{LINE} is null and "
        for column in self.spec.columns:
            name = _source(column.name)
            wrong = misfit(name, self.arrived[column.name], column.type)
            got, expected = f"{column.name}: got ", f", expected {column.type.value}"
            if wrong:
                shown = "'***'" if column.personal else f"left({name}::varchar, 100)"
                text = f"{literal(got)} || {shown} || {literal(expected)}"
                found.append((f"{name} is not null and {wrong}", text))
            if not column.nullable or column.name in self.spec.key:
                text = literal(f"{got}null{expected}")
                found.append((f"{whole}{name} is null", text))
        return found

    def _rules(self) -> list[_Reason]:
        """Reasons that show in the columns in contract types."""
        found = [
            (f"coalesce(try({rule.broken_when}), false)", literal(rule.reason))
            for rule in self.spec.rules
        ]
        if self.spec.partition_date is not None:
            unplaced = literal("the partition of the row cannot be told")
            found.append((f"{PARTITION} is null", unplaced))
        if self.spec.partition_date is not None and self.scope.outside == "refuse":
            text = f"the row is outside {self.scope.start} to {self.scope.end}"
            found.append((f"coalesce(not ({self._in_range()}), false)", literal(text)))
        return found

    def _partition(self) -> str:
        if self.spec.partition_date is None:
            return "null::date"
        day = f"try(({self.spec.partition_date})::date)"
        if self.scope.grain == "week":
            return f"({day} - (isodow({day}) % 7)::integer)::date"  # weeks: Sunday
        return f"date_trunc('{self.scope.grain}', {day})::date"

    def _known_at(self) -> str:
        if self.scope.now is None or self.spec.known_at is None:
            return "null::timestamp"
        return f"try(({self.spec.known_at})::timestamp)"

    def _in_range(self) -> str:
        return (
            f"{PARTITION} >= date '{self.scope.start}' "
            f"and {PARTITION} < date '{self.scope.end}'"
        )

    def _in_scope(self) -> str:
        conditions = ["true"]
        if self.scope.outside == "ignore" and self.scope.start is not None:
            conditions.append(f"({PARTITION} is null or {self._in_range()})")
        if self.scope.now is not None:
            now = f"timestamptz '{self.scope.now.isoformat()}'::timestamp"
            conditions.append(f"(__known is null or __known <= {now})")
            conditions += self._before_unknown(" and ".join(conditions[:-1]), now)
        return " and ".join(conditions)

    def _before_unknown(self, in_range: str, now: str) -> list[str]:
        if self.scope.cursor is None or self.spec.known_at is None:
            return []
        cursor = quoted(self.scope.cursor)
        first = f"select min({cursor}) from placed where {in_range} and __known > {now}"
        return [f"coalesce({cursor} < ({first}), true)"]


def _source(column: str) -> str:
    return f"arrived.{quoted(column)}"


def _any(reasons: list[_Reason]) -> str:
    return " or ".join(f"({predicate})" for predicate, _ in reasons) or "false"


def _texts(reasons: list[_Reason]) -> str:
    cases = [f"case when {predicate} then {text} end" for predicate, text in reasons]
    return f"concat_ws('; ', {', '.join(cases)})" if cases else "''"
