"""What the columns of a training set are called, and where they come from."""

from analytics_platform.contracts.domain import Domain
from analytics_platform.core.expressions import parse
from analytics_platform.core.features import feature_relation, relation_of

CUTOFF = "cutoff__"  # the instant of prediction, under a name no column has


def target_column(model: str) -> str:
    """The training set's column that holds a model's target."""
    return f"target__{model}"


def feature_column(view: str, feature: str) -> str:
    """The training set's column that holds a feature."""
    return f"{view}__{feature}"


def training_columns(domain: Domain) -> tuple[str, ...]:
    """The spine's columns a training set keeps beside the cut-off, key first."""
    spine = domain.spine
    sliced = [part.column for model in domain.models for part in model.slices]
    by = [column for model in domain.models for column in model.baseline_by]
    return tuple(dict.fromkeys((*spine.key, *spine.columns, *sliced, *by)))


def column_sources(domain: Domain) -> dict[str, tuple[tuple[str, str], ...]]:
    """Per column of the training set, the (relation, column) pairs behind it."""
    rows = relation_of(domain.spine.source)
    spine = {name: ((rows, name),) for name in training_columns(domain)}
    used = {view for model in domain.models for view in model.views}
    features = {
        feature_column(view.name, one.name): ((feature_relation(view), one.name),)
        for view in domain.feature_views
        if view.name in used
        for one in view.features
    }
    targets = {
        target_column(model.name): tuple(
            (rows, one) for one in parse(model.target).columns
        )
        for model in domain.models
    }
    return {**spine, CUTOFF: ((rows, domain.spine.cutoff),), **features, **targets}
