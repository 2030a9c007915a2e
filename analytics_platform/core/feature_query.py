"""The parts of a point-in-time query, in DuckDB's SQL.

A source row is visible to a cut-off from max(event time + lag, knowledge time) on, and
no longer from event time + lag + length on. So per entity the distinct cut-offs are
numbered, each row is placed at the first of them that sees it and at the first that no
longer does, and the running sum of what came minus what went is the window, whatever
its length. The latest value is the running maximum of the rows' ranks. Only minimum
and maximum pair every cut-off with every row of its window.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from analytics_platform.contracts.domain import Aggregate, FeatureView
from analytics_platform.core.expression_sql import compile_sql
from analytics_platform.core.expressions import Kind, parse
from analytics_platform.core.feature_plan import Plan, Planned, Value, Window
from analytics_platform.core.features import CUTOFF, PARTITION_DATE, reach
from analytics_platform.core.sql_fragments import plus, quoted, relation

# BigQuery's NUMERIC; the other engines have it too.
_EXACT = "decimal(38, 9)"


@dataclass(frozen=True)
class FeatureQuery:
    """The parts of the query; e0.. are the entity's columns in all of them."""

    view: FeatureView
    plan: Plan
    entity: tuple[str, ...]

    def moments(self) -> str:
        """The distinct cut-offs of each entity, numbered in order."""
        present = " and ".join(f"{name} is not null" for name in (*self.entity, CUTOFF))
        return (
            f"select {self._e()}, cutoff, row_number() over "
            f"(partition by {self._e()} order by cutoff) as moment\n"
            f"from (select distinct {self._e()}, cutoff from spine where {present}) "
            "as seen"
        )

    def events(self) -> str:
        """The source's rows that any cut-off may see, with what they contribute."""
        columns = [self._e(), "t", "k"]
        columns += [f"v{value.index}" for value in self.plan.values()]
        columns += [
            f"cast(case when v{index} is null then 0 else 1 end as double) as n{index}"
            for index in self._counted()
        ]
        columns += [
            f"cast(v{value.index} as {'double' if value.is_whole else _EXACT}) "
            f"as x{value.index}"
            for value in self._summed()
        ]
        columns += [_rank(value) for value in self.plan.values("latest")]
        return (
            f"select {', '.join(columns)}\nfrom ({self._source()}) as source\n"
            f"where {' and '.join(f'{name} is not null' for name in self.entity)}\n"
            "and k <= (select max(cutoff) from moments)\n"
            "and t <= (select max(cutoff) from moments)\n"
            f"and t > {plus('(select min(cutoff) from moments)', -reach(self.view))}"
        )

    def changes(self) -> str:
        """When rows come and go, beside the moments that look at them."""
        carried = self._carried()
        rows = [
            self._change(position, plus("t", lag), carried)
            for position, lag in enumerate(self.plan.lags())
        ]
        rows += [
            self._change(
                self._leaving(position),
                plus("t", window.lag + window.length),
                [name if name[0] != "r" else "null" for name in carried],
            )
            for position, window in enumerate(self.plan.windows())
        ]
        nulls = "null, " * len(carried)
        rows.append(f"select {self._e()}, cutoff, null, {nulls}moment from moments")
        return "\nunion all\n".join(rows)

    def placed(self) -> str:
        """Each change with the first moment that it affects."""
        # At equal instants changes come first: a window includes its last instant.
        order = "instant, case when moment is null then 0 else 1 end"
        return (
            f"select {self._e()}, change, {_listed(self._carried())}"
            f"coalesce(max(moment) over (partition by {self._e()} order by {order} "
            "rows between unbounded preceding and current row), 0) + 1 as moment\n"
            "from changes"
        )

    def deltas(self) -> str:
        """What came and went between one moment and the next."""
        columns = []
        for position, window in enumerate(self.plan.windows()):
            came, went = self.plan.lags().index(window.lag), self._leaving(position)
            for name in self._tallied():
                difference = f"case change when {came} then {name} when {went} then"
                columns.append(f"sum({difference} -{name} end) as w{position}_{name}")
        for name, lag, index in self._latest():
            latest = f"case when change = {lag} then r{index} end"
            columns.append(f"max({latest}) as {name}")
        return (
            f"select {self._e()}, moment, {', '.join(columns)}\n"
            f"from placed where change is not null group by {self._e()}, moment"
        )

    def running(self) -> str:
        """What each moment sees."""
        frame = (
            f"over (partition by {self._e('moments')} order by moments.moment "
            "rows between unbounded preceding and current row)"
        )
        totals = [
            f"w{position}_{name}"
            for position in range(len(self.plan.windows()))
            for name in self._tallied()
        ]
        columns = [f"sum(deltas.{name}) {frame} as {name}" for name in totals]
        columns += [
            f"max(deltas.{name}) {frame} as {name}" for name, _, _ in self._latest()
        ]
        same = self._same("deltas", "moments")
        return (
            f"select {self._e('moments')}, moments.cutoff, {', '.join(columns)}\n"
            f"from moments left join deltas on {same} "
            "and deltas.moment = moments.moment"
        )

    def extremes(self) -> str:
        """Minimum and maximum over all pairs of a moment and a row of its window."""
        features = self.plan.of("extreme")
        span = max(item.window.lag + item.window.length for item in features)
        values = "".join(f", v{value.index}" for value in self.plan.values("extreme"))
        rows = f"{self._e()}, t, k{values}"
        # A row and the moments that see it are at most one bucket of `span` apart.
        seconds = -(-span // timedelta(seconds=1))
        since = "date_diff('second', timestamp '1970-01-01 00:00:00', {})"
        bucket = f"floor({since} / {seconds}.0)"
        columns = [
            f"{item.feature.aggregate}(case when {_within(item.window)} "
            f"then v{item.value.index} end) as x_{position}"
            for position, item in enumerate(features)
        ]
        looks = f"select *, {bucket.format('cutoff')} as bucket from moments"
        own = f"select {rows}, {bucket.format('t')} as bucket from events"
        following = f"select {rows}, {bucket.format('t')} + 1 from events"
        return (
            f"select {self._e('looks')}, cutoff, {', '.join(columns)}\n"
            f"from ({looks}) as looks\n"
            f"join ({own} union all {following}) as happened\n"
            f"on {self._same('happened', 'looks')} and happened.bucket = looks.bucket\n"
            f"and t <= cutoff and k <= cutoff and {plus('t', span)} > cutoff\n"
            f"group by {self._e('looks')}, cutoff"
        )

    def result(self, keys: int) -> str:
        """The spine's rows with their features."""
        columns = [f"spine.k{index}" for index in range(keys)]
        columns += [self._e("spine"), f"spine.{CUTOFF}", f"spine.{PARTITION_DATE}"]
        columns += [
            f"{self._feature(item)} as f{position}"
            for position, item in enumerate(self.plan.features)
        ]
        joins = []
        for table in self._joined():
            on = f"{self._same(table, 'spine')} and {table}.cutoff = spine.cutoff"
            joins.append(f"left join {table} on {on}")
        for name, _, index in self._latest():
            on = f"at_{name}.r{index} = running.{name}"
            joins.append(f"left join events as at_{name} on {on}")
        return f"select {', '.join(columns)}\nfrom spine\n" + "\n".join(joins)

    def _feature(self, item: Planned) -> str:
        if item.group == "extreme":
            return f"extremes.x_{self.plan.of('extreme').index(item)}"
        index = item.value.index
        if item.group == "latest":
            at = f"at_l{self.plan.lags().index(item.window.lag)}_{index}"
            gone = plus(f"{at}.t", item.window.lag + item.window.length)
            return f"case when {gone} > spine.cutoff then {at}.v{index} end"
        window = f"running.w{self.plan.windows().index(item.window)}"
        count = f"{window}_n{item.value.counted_by}"
        total = f"cast({window}_x{index} as double)"
        if item.feature.aggregate is Aggregate.COUNT:
            return f"cast(coalesce({count}, 0) as bigint)"
        if item.feature.aggregate is Aggregate.MEAN:
            total = f"{total} / {count}"
        return f"case when {count} > 0 then {total} end"

    def _source(self) -> str:
        columns = [
            f"{quoted(name)} as e{index}" for index, name in enumerate(self.view.entity)
        ]
        known = f"cast({quoted(self.view.knowledge_time)} as timestamp)"
        columns += [
            f"cast({quoted(self.view.event_time)} as timestamp) as t",
            f"{plus(known, self.view.known_after)} as k",
        ]
        columns += [f"{value.sql} as v{value.index}" for value in self.plan.values()]
        where = ""
        if self.view.where:
            where = f" where {compile_sql(parse(self.view.where, Kind.BOOLEAN))}"
        return f"select {', '.join(columns)} from {relation(self.view.source)}{where}"

    def _change(self, number: int, instant: str, carried: Sequence[str]) -> str:
        return (
            f"select {self._e()}, greatest({instant}, k) as instant, "
            f"{number} as change, {_listed(carried)}cast(null as bigint) as moment "
            "from events"
        )

    def _leaving(self, window: int) -> int:
        return len(self.plan.lags()) + window

    def _counted(self) -> list[int]:
        return sorted({value.counted_by for value in self.plan.values("tally")})

    def _summed(self) -> list[Value]:
        aggregates = {Aggregate.SUM, Aggregate.MEAN}
        used = {
            item.value
            for item in self.plan.features
            if item.feature.aggregate in aggregates
        }
        return [value for value in self.plan.values("tally") if value in used]

    def _tallied(self) -> list[str]:
        names = [f"n{index}" for index in self._counted()]
        return names + [f"x{value.index}" for value in self._summed()]

    def _carried(self) -> list[str]:
        ranks = [f"r{value.index}" for value in self.plan.values("latest")]
        return self._tallied() + ranks

    def _latest(self) -> list[tuple[str, int, int]]:
        """Name, lag and value of each distinct latest look-up."""
        lags = self.plan.lags()
        found = {
            (lags.index(item.window.lag), item.value.index)
            for item in self.plan.of("latest")
        }
        return [(f"l{lag}_{index}", lag, index) for lag, index in sorted(found)]

    def _joined(self) -> list[str]:
        running = ["running"] if self.plan.lags() else []
        return running + (["extremes"] if self.plan.of("extreme") else [])

    def _e(self, table: str = "") -> str:
        prefix = f"{table}." if table else ""
        return ", ".join(prefix + name for name in self.entity)

    def _same(self, left: str, right: str) -> str:
        return " and ".join(f"{left}.{name} = {right}.{name}" for name in self.entity)


def _rank(value: Value) -> str:
    v = f"v{value.index}"
    return (
        f"case when {v} is not null then row_number() over (order by t, k, {v}) end "
        f"as r{value.index}"
    )


def _within(window: Window) -> str:
    shown, gone = plus("t", window.lag), plus("t", window.lag + window.length)
    return f"{shown} <= cutoff and {gone} > cutoff"


def _listed(names: Sequence[str]) -> str:
    return "".join(f"{name}, " for name in names)
