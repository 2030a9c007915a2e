"""Which columns a model sees, and the proof that none of them is known too late."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from analytics_platform.contracts.domain import Domain, FeatureView, ModelSpec
from analytics_platform.core.training.columns import feature_column
from analytics_platform.errors import InvalidUsage


@dataclass(frozen=True)
class Input:
    """One input: a spine column (`view` is None) or a feature of a view.

    `name` is its column in the training set and in a model's manifest.
    """

    name: str
    column: str
    view: str | None = None


def model_inputs(spec: ModelSpec, domain: Domain) -> tuple[Input, ...]:
    """A model's inputs in order: the spine's columns, then those of its views.

    Raises:
        InvalidUsage: the model names a view that is not declared.
    """
    spine = [Input(name=column, column=column) for column in domain.spine.columns]
    views = [_view(spec, name, domain.feature_views) for name in spec.views]
    features = [
        Input(feature_column(view.name, feature.name), feature.name, view.name)
        for view in views
        for feature in view.features
    ]
    return (*spine, *features)


def leaking_inputs(
    spec: ModelSpec,
    domain: Domain,
    ancestors: Mapping[str, Iterable[str]] | None = None,
) -> tuple[str, ...]:
    """Inputs that carry what is known only after the cut-off, with the column at fault.

    A spine column leaks when it is one of `spec.leaks`, or is computed from one:
    `ancestors` gives, per spine column, the columns of the same row behind it. A view
    leaks when it identifies its entity by such a column; its own values are of other
    rows, known at the cut-off by the view's knowledge time.
    """
    found: list[str] = []
    behind = ancestors or {}
    for column in domain.spine.columns:
        guilty = {column, *behind.get(column, ())} & set(spec.leaks)
        found += [f"{column} (from {leak})" for leak in sorted(guilty)]
    for name in spec.views:
        view = _view(spec, name, domain.feature_views)
        names = view.spine_entity or view.entity
        found += [
            f"{name} (looked up by {leak})" for leak in names if leak in spec.leaks
        ]
    return tuple(found)


def _view(spec: ModelSpec, name: str, views: tuple[FeatureView, ...]) -> FeatureView:
    for view in views:
        if view.name == name:
            return view
    known = ", ".join(view.name for view in views) or "none"
    raise InvalidUsage(
        f"The model {spec.name!r} uses the feature view {name!r}, which is not "
        f"declared (declared: {known}).",
        hint="Correct `views` in the domain's models.",
    )
