"""The inputs of a model for events as they arrive: their fields, lookups, features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from analytics_platform.adapters.snapshot_rows import lookup_rows
from analytics_platform.adapters.snapshots import Snapshot
from analytics_platform.contracts.domain import Domain, FeatureView, ModelSpec
from analytics_platform.contracts.records import ModelManifest
from analytics_platform.contracts.streams import EventStream, LivePrediction, Lookup
from analytics_platform.core.expression_arrays import Values, evaluate
from analytics_platform.core.expressions import Expression, parse
from analytics_platform.core.feature_history import Entity
from analytics_platform.core.features import spine_entity
from analytics_platform.core.training.columns import feature_column
from analytics_platform.core.training.inputs import Input, model_inputs
from analytics_platform.errors import InvalidUsage
from streaming.decoding import Columns
from streaming.live_features import LiveFeatures

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class InputPlan:
    """What a live prediction reads of an event, checked against the declarations.

    `columns` are the expressions behind the spine's columns, views' entities and the
    cut-off; `fields` the event's fields that all of it needs.
    """

    domain: Domain
    prediction: LivePrediction
    spec: ModelSpec
    columns: Mapping[str, Expression]
    fields: frozenset[str]

    @classmethod
    def of(cls, domain: Domain, prediction: LivePrediction) -> Self:
        """The plan of a declared prediction.

        Raises:
            InvalidUsage: it names a model, stream or field that is not declared.
        """
        spec = _named(domain.models, prediction.model, prediction, "model")
        stream = _named(domain.streams, prediction.stream, prediction, "stream")
        spine = domain.spine
        wanted = [*spine.columns, spine.cutoff]
        for view in _views(domain, spec):
            wanted += spine_entity(view)
        columns = {
            name: parse(prediction.columns.get(name, name))
            for name in dict.fromkeys(wanted)
        }
        plan = cls(domain, prediction, spec, columns, frozenset())
        return replace(plan, fields=plan._fields_of(stream))

    @property
    def views(self) -> tuple[FeatureView, ...]:
        """The feature views of the model."""
        return _views(self.domain, self.spec)

    def _fields_of(self, stream: EventStream) -> frozenset[str]:
        found = {name for lookup in self.prediction.lookups for name in lookup.columns}
        read = {name for one in self.columns.values() for name in one.columns} - found
        for lookup in self.prediction.lookups:
            read |= set(lookup.key.values())
        read.add(self.prediction.key)
        missing = sorted(name for name in read if stream.field(name) is None)
        if missing:
            raise InvalidUsage(
                f"The live prediction {self.prediction.name!r} needs "
                f"{', '.join(missing)}, which events of {stream.name} do not have.",
                hint="Say in its `columns` what they are, or look them up.",
            )
        return frozenset(read)


class LiveInputs:
    """Makes the input matrix of one model from events and one published snapshot.

    Not for several threads at once.
    """

    def __init__(
        self,
        plan: InputPlan,
        manifest: ModelManifest,
        snapshot: Snapshot,
        before: "LiveInputs | None" = None,
    ) -> None:
        """The inputs are those of `manifest`, in its order.

        Of what `before` was asked about, as much as possible is ready at once.

        Raises:
            InvalidUsage: the domain no longer declares an input of the model, or the
                snapshot lacks a column.
            NotFound: the snapshot lacks a table.
        """
        self.plan = plan
        self.snapshot_version = snapshot.manifest.version
        self._manifest = manifest
        self._inputs = _inputs(plan, manifest)
        used = {one.view for one in self._inputs}
        views = tuple(view for view in plan.views if view.name in used)
        self.features, self._lookups = _known_of(plan, views, snapshot, before)
        self._codes = {
            name: {value: float(code) for code, value in enumerate(values)}
            for name, values in manifest.categories.items()
        }

    def matrix(self, events: Columns) -> Floats:
        """The inputs (n x k) of n events; NaN where something is not known."""
        known = self._known(events)
        columns = {
            name: evaluate(expression, known, len(events))
            for name, expression in self.plan.columns.items()
        }
        features = self._features(columns)
        matrix = np.full((len(events), len(self._inputs)), np.nan, dtype=np.float32)
        for place, one in enumerate(self._inputs):
            values = features[one.name] if one.view else columns[one.column]
            matrix[:, place] = self._encoded(one.name, values)
        return matrix

    def _known(self, events: Columns) -> dict[str, Values]:
        known = {name: events.values(name) for name in self.plan.fields}
        for lookup in self._lookups:
            known |= lookup.find(known)
        return known

    def _features(self, columns: Mapping[str, Values]) -> dict[str, Values]:
        spine = self.plan.domain.spine
        cutoff = columns[spine.cutoff]
        milliseconds = np.where(cutoff.valid, cutoff.data, 0).astype(np.int64)
        cutoff_us = milliseconds * 1_000 - spine.ahead // timedelta(microseconds=1)
        views = self.features.views
        entities = {
            view.name: _entities([columns[one] for one in spine_entity(view)])
            for view in views
        }
        found = self.features.at(entities, Values(cutoff_us, cutoff.valid))
        return {
            feature_column(view.name, feature.name): one
            for view in views
            for feature, one in zip(view.features, found[view.name], strict=True)
        }

    def _encoded(self, name: str, values: Values) -> NDArray[np.float64]:
        if name in self._codes:
            codes = self._codes[name]
            pairs = zip(values.data.tolist(), values.valid.tolist(), strict=True)
            found = [codes.get(str(one), np.nan) if ok else np.nan for one, ok in pairs]
            return np.array(found, dtype=np.float64)
        return np.where(values.valid, values.data.astype(np.float64), np.nan)


def _known_of(
    plan: InputPlan,
    views: tuple[FeatureView, ...],
    snapshot: Snapshot,
    before: LiveInputs | None,
) -> tuple[LiveFeatures, Sequence["_Lookup"]]:
    """What the snapshot says; it is not read twice."""
    same = before and before.snapshot_version == snapshot.manifest.version
    if same and before and before.features.views == views:
        return before.features, before._lookups
    features = LiveFeatures(snapshot, views)
    features.load(before.features.asked() if before else ())
    lookups = [
        _Lookup(one, *lookup_rows(snapshot, one)) for one in plan.prediction.lookups
    ]
    return features, lookups


class _Lookup:
    """The rows of a lookup's table, found by the event's fields."""

    def __init__(
        self,
        lookup: Lookup,
        places: Mapping[Entity, int],
        columns: Mapping[str, Values],
    ) -> None:
        self._by = tuple(lookup.key.values())
        self._places, self._columns = places, columns

    def find(self, events: Mapping[str, Values]) -> dict[str, Values]:
        """The columns of each event's row; null where there is none."""
        keys = _entities([events[name] for name in self._by])
        places = np.array([self._places.get(key, -1) for key in keys], dtype=np.int64)
        if not self._places:
            return {
                name: _nothing(one, len(keys)) for name, one in self._columns.items()
            }
        return {
            name: Values(one.data[places], one.valid[places] & (places >= 0))
            for name, one in self._columns.items()
        }


def _nothing(like: Values, rows: int) -> Values:
    return Values(np.zeros(rows, dtype=like.data.dtype), np.zeros(rows, np.bool_))


def _entities(columns: Sequence[Values]) -> list[Entity]:
    """One tuple per row; None for null."""
    return list(zip(*(column.to_list() for column in columns), strict=True))


def _inputs(plan: InputPlan, manifest: ModelManifest) -> list[Input]:
    declared = {one.name: one for one in model_inputs(plan.spec, plan.domain)}
    missing = [name for name in manifest.inputs if name not in declared]
    if missing:
        raise InvalidUsage(
            f"The model {manifest.name} {manifest.version} has the inputs "
            f"{', '.join(missing)}, which the domain no longer declares.",
            hint="Train it again.",
        )
    return [declared[name] for name in manifest.inputs]


def _views(domain: Domain, spec: ModelSpec) -> tuple[FeatureView, ...]:
    return tuple(view for view in domain.feature_views if view.name in spec.views)


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_One = TypeVar("_One", bound=_Named)


def _named(
    found: Sequence[_One], name: str, prediction: LivePrediction, what: str
) -> _One:
    for one in found:
        if one.name == name:
            return one
    known = ", ".join(one.name for one in found) or "none"
    raise InvalidUsage(
        f"The live prediction {prediction.name!r} names the {what} {name!r}, which is "
        f"not declared (declared: {known}).",
        hint="Correct the domain's live predictions.",
    )
