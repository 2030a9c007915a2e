"""Checks that feature views fit the columns of the tables they read."""

from collections.abc import Mapping

from analytics_platform.contracts.domain import FeatureView, Spine
from analytics_platform.core.expressions import Expression, Kind, parse
from analytics_platform.core.features import expressions_of, relation_of, spine_entity
from analytics_platform.errors import InvalidUsage

_BOOLEAN_TYPES = ("bool",)
_TEXT_TYPES = ("varchar", "text", "char", "string", "enum", "uuid")
_WHOLE_TYPES = ("bigint", "int", "smallint", "tinyint", "hugeint", "ubigint", "uint")
_NUMBER_TYPES = (
    *_WHOLE_TYPES,
    "double",
    "float",
    "real",
    "decimal",
    "number",
    "numeric",
    "bignumeric",
)


class InvalidFeatureView(InvalidUsage):
    """A feature view that does not fit its tables; `problems` lists every one."""

    def __init__(self, view: str, problems: list[str]) -> None:
        self.view = view
        self.problems = problems
        lines = "".join(f"\n  - {problem}" for problem in problems)
        super().__init__(
            f"The feature view {view!r} cannot be computed:{lines}",
            hint="\nCorrect its declaration or the dbt model it reads.",
        )


def check_types(
    view: FeatureView,
    spine: Spine,
    source_types: Mapping[str, str],
    spine_types: Mapping[str, str],
) -> None:
    """Check that both tables have the columns that are named, of a fitting type.

    Raises:
        InvalidFeatureView: some do not; lists all of them.
    """
    if len(spine_entity(view)) != len(view.entity):
        raise InvalidFeatureView(
            view.name, ["entity and spine_entity must have equally many columns"]
        )
    wanted: dict[str, Kind | None] = dict.fromkeys(
        [*view.entity, view.event_time, view.knowledge_time]
    )
    problems = _misfits(view.source, wanted, source_types)
    for label, expression in _all_expressions(view):
        found = _misfits(view.source, expression.columns, source_types)
        problems += [f"{label}: {problem}" for problem in found]
    named = [*spine.key, *spine_entity(view), spine.cutoff, spine.partition_date]
    problems += _misfits(spine.source, dict.fromkeys(named), spine_types)
    if problems:
        raise InvalidFeatureView(view.name, problems)


def kind_of_type(engine_type: str) -> Kind | None:
    """The kind of value that a column of an engine's type holds, if it is one."""
    name = engine_type.lower()
    if name.startswith(_BOOLEAN_TYPES):
        return Kind.BOOLEAN
    if name.startswith(_TEXT_TYPES):
        return Kind.TEXT
    return Kind.NUMBER if is_number_type(name) else None


def is_number_type(engine_type: str) -> bool:
    """Whether a column of that type holds numbers."""
    name = engine_type.lower()
    return name.startswith(_NUMBER_TYPES) and not name.startswith("interval")


def is_whole_type(engine_type: str) -> bool:
    """Whether a column of that type holds whole numbers only."""
    name = engine_type.lower()
    return name.startswith(_WHOLE_TYPES) and not name.startswith("interval")


def _all_expressions(view: FeatureView) -> list[tuple[str, Expression]]:
    found = [("where", parse(view.where, Kind.BOOLEAN))] if view.where else []
    for feature in view.features:
        parsed = expressions_of(feature)
        found.append((feature.name, parsed.value))
        if parsed.filter:
            found.append((f"{feature.name} (filter)", parsed.filter))
    return found


def _misfits(
    source: str, wanted: Mapping[str, Kind | None], types: Mapping[str, str]
) -> list[str]:
    if not types:
        return [f"{relation_of(source)} does not exist"]
    problems = []
    for name, kind in wanted.items():
        if name not in types:
            known = ", ".join(sorted(types))
            problems.append(
                f"{relation_of(source)} has no column {name} (it has: {known})"
            )
        elif kind is not None and kind_of_type(types[name]) is not kind:
            problems.append(
                f"{name} is used as a {kind}, but {relation_of(source)} holds "
                f"{types[name]}"
            )
    return problems
