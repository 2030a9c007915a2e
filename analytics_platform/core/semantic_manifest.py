"""Finds in dbt's semantic manifest what a live metric is made of."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analytics_platform.core.expressions import (
    Expression,
    InvalidExpression,
    Kind,
    parse,
)
from analytics_platform.core.live_metrics import (
    BatchOnlyMetric,
    Derived,
    Figure,
    Formula,
    LiveMetric,
    Ratio,
    Reading,
    Slot,
)
from analytics_platform.errors import NotFound

Manifest = Mapping[str, Any]

_NUMERIC = {
    "sum": Figure.SUM,
    "average": Figure.MEAN,
    "min": Figure.MIN,
    "max": Figure.MAX,
    "median": Figure.QUANTILE,
    "percentile": Figure.QUANTILE,
}
_DIMENSION = re.compile(r"\{\{\s*(\w+)\(\s*['\"](\w+)['\"]\s*\)\s*\}\}")
_MEDIAN = 0.5


def live_metric(manifest: Manifest, name: str) -> LiveMetric:
    """A metric of the manifest as a formula over slots.

    Raises:
        NotFound: the manifest has no such metric.
        BatchOnlyMetric: a stream cannot compute it.
    """
    reader = _Reader(manifest, name)
    formula = reader.metric(name, ())
    relations = sorted(set(reader.relations))
    if len(relations) != 1:
        raise BatchOnlyMetric(name, f"it joins {' and '.join(relations)}")
    meta = (_found(manifest, "metrics", name).get("config") or {}).get("meta") or {}
    return LiveMetric(name, formula, relations[0], meta.get("unit"))


@dataclass
class _Reader:
    """Follows one metric through the manifest, noting the relations it comes from."""

    manifest: Manifest
    asked: str

    def __post_init__(self) -> None:
        self.relations: list[str] = []
        self._open: list[str] = []

    def metric(self, name: str, filters: tuple[str, ...]) -> Formula:
        """The formula of a metric whose rows also pass `filters`."""
        if name in self._open:
            raise self._refused(f"{name} is defined by itself")
        self._open.append(name)
        metric = _found(self.manifest, "metrics", name)
        filters += _filters(metric)
        formula = self._formula(metric, filters)
        self._open.pop()
        return formula

    def _formula(self, metric: Manifest, filters: tuple[str, ...]) -> Formula:
        parameters = metric["type_params"]
        match metric["type"]:
            case "simple":
                return self._simple(parameters["measure"], filters)
            case "ratio":
                return Ratio(
                    self._input(parameters["numerator"], filters),
                    self._input(parameters["denominator"], filters),
                )
            case "derived":
                return self._derived(parameters, filters)
        raise self._refused(f"{metric['name']} is a {metric['type']} metric")

    def _input(self, given: Manifest, filters: tuple[str, ...]) -> Formula:
        if given.get("offset_window") or given.get("offset_to_grain"):
            raise self._refused(f"{given['name']} is taken from an earlier time")
        return self.metric(given["name"], filters + _filters(given))

    def _derived(self, parameters: Manifest, filters: tuple[str, ...]) -> Formula:
        inputs = tuple(
            (given.get("alias") or given["name"], self._input(given, filters))
            for given in parameters["metrics"]
        )
        expression = self._parsed(parameters["expr"], Kind.NUMBER)
        return Derived(expression, inputs)

    def _simple(self, given: Manifest, filters: tuple[str, ...]) -> Reading:
        if given.get("join_to_timespine"):
            raise self._refused("it is filled up along a time spine")
        model, measure = self._measure(given["name"])
        if measure.get("non_additive_dimension"):
            raise self._refused(f"the measure {measure['name']} is not additive")
        relation = model["node_relation"]
        self.relations.append(f"{relation['schema_name']}.{relation['alias']}")
        where = tuple(
            self._parsed(self._condition(text, model), Kind.BOOLEAN)
            for text in filters + _filters(given)
        )
        return self._reading(measure, where, given.get("fill_nulls_with"))

    def _reading(
        self, measure: Manifest, where: tuple[Expression, ...], otherwise: int | None
    ) -> Reading:
        text, aggregate = measure.get("expr") or measure["name"], measure["agg"]
        if aggregate in {"count", "count_distinct"}:
            figure = Figure.COUNT if aggregate == "count" else Figure.DISTINCT
            return Reading(Slot(self._parsed(text), where), figure, None, otherwise)
        if aggregate == "sum_boolean":
            text, aggregate = f"case when {text} then 1 else 0 end", "sum"
        if aggregate not in _NUMERIC:
            raise self._refused(f"its aggregation {aggregate} is not known to streams")
        slot = Slot(self._parsed(text, Kind.NUMBER), where)
        rank = self._rank(measure) if _NUMERIC[aggregate] is Figure.QUANTILE else None
        return Reading(slot, _NUMERIC[aggregate], rank, otherwise)

    def _rank(self, measure: Manifest) -> float:
        if measure["agg"] == "median":
            return _MEDIAN
        parameters = measure.get("agg_params") or {}
        if parameters.get("use_discrete_percentile"):
            raise self._refused("its percentile is discrete")
        return float(parameters["percentile"])

    def _measure(self, name: str) -> tuple[Manifest, Manifest]:
        for model in self.manifest["semantic_models"]:
            for measure in model["measures"]:
                if measure["name"] == name:
                    return model, measure
        raise NotFound(
            f"The semantic manifest has no measure {name!r}.",
            hint="Parse the dbt project again.",
        )

    def _condition(self, template: str, model: Manifest) -> str:
        """A filter with the columns of the model in place of its dimensions."""

        def column(match: re.Match[str]) -> str:
            kind, name = match[1], match[2]
            if kind == "Dimension":
                return _column(model, "dimensions", name.rpartition("__")[2]) or name
            if kind == "Entity":
                return _column(model, "entities", name) or name
            raise self._refused(f"its filter uses {kind}")

        text = _DIMENSION.sub(column, template)
        for _, name in _DIMENSION.findall(template):
            own = name.rpartition("__")[2]
            places = [_column(model, part, own) for part in ("dimensions", "entities")]
            if not any(places):
                raise self._refused(f"its filter uses {name} of another table")
        return text

    def _parsed(self, text: str, kind: Kind | None = None) -> Expression:
        try:
            return parse(text, kind)
        except InvalidExpression as error:
            why = f"{text!r} is outside the subset ({error.problem})"
            raise self._refused(why) from error

    def _refused(self, why: str) -> BatchOnlyMetric:
        return BatchOnlyMetric(self.asked, why)


def _found(manifest: Manifest, part: str, name: str) -> Manifest:
    for one in manifest[part]:
        if one["name"] == name:
            found: Manifest = one
            return found
    known = ", ".join(sorted(one["name"] for one in manifest[part]))
    raise NotFound(
        f"The semantic manifest has no metric {name!r}.", hint=f"It has {known}."
    )


def _filters(holder: Manifest) -> tuple[str, ...]:
    where = (holder.get("filter") or {}).get("where_filters") or ()
    return tuple(one["where_sql_template"] for one in where)


def _column(model: Manifest, part: str, name: str) -> str | None:
    for one in model[part]:
        if one["name"] == name:
            return str(one.get("expr") or name)
    return None
