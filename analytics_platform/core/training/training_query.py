"""The query that joins spine, feature views and targets into the training set."""

from analytics_platform.contracts.domain import Domain, ModelSpec, Spine
from analytics_platform.core.expression_sql import compile_sql
from analytics_platform.core.expressions import Kind, parse
from analytics_platform.core.features import feature_relation, relation_of
from analytics_platform.core.training.columns import (
    CUTOFF,
    feature_column,
    target_column,
    training_columns,
)


def training_query(domain: Domain, dialect: str) -> str:
    """One row per spine row with a known outcome, ordered by key.

    A row belongs to it when its prediction is due by `:latest` (the present plus the
    spine's `ahead`), its outcome is known by `:now` where the spine says when that is,
    and at least one model has a target for it.
    """
    models = domain.models
    key = domain.spine.key
    selected = [f"spine.{name}" for name in (*training_columns(domain), CUTOFF)]
    used = {view for model in models for view in model.views}
    joins = []
    for view in domain.feature_views:
        if view.name in used:
            on = " and ".join(f"{view.name}.{name} = spine.{name}" for name in key)
            joins.append(f"left join {feature_relation(view)} as {view.name} on {on}")
            selected += [
                f"{view.name}.{one.name} as {feature_column(view.name, one.name)}"
                for one in view.features
            ]
    targets = [target_column(model.name) for model in models]
    selected += [f"spine.{target}" for target in targets]
    known = " or ".join(f"{target} is not null" for target in targets)
    return "\n".join(
        [
            f"with spine as ({_spine_query(domain, dialect)})",
            f"select {', '.join(selected)}",
            "from spine",
            *joins,
            f"where {known}",
            f"order by {', '.join(f'spine.{name}' for name in key)}",
        ]
    )


def _spine_query(domain: Domain, dialect: str) -> str:
    spine = domain.spine
    columns = [*training_columns(domain), f"{spine.cutoff} as {CUTOFF}"]
    columns += [
        f"{_target(model, dialect)} as {target_column(model.name)}"
        for model in domain.models
    ]
    return (
        f"select {', '.join(columns)} from {relation_of(spine.source)} "
        f"where {_is_known(spine)}"
    )


def _is_known(spine: Spine) -> str:
    known = f"{spine.cutoff} <= :latest"
    return f"{known} and {spine.known_at} <= :now" if spine.known_at else known


def _target(model: ModelSpec, dialect: str) -> str:
    kind = Kind.NUMBER if model.task == "regression" else Kind.BOOLEAN
    return compile_sql(parse(model.target, kind), dialect)
