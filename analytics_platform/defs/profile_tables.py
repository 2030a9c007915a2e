"""Shows a profile, and what changed since the one before, as tables in Markdown."""

from collections.abc import Iterable, Sequence

import dagster as dg

from analytics_platform.contracts.records import ColumnProfile, Scalar, TableProfile
from analytics_platform.core.profiles import Change, compare

_SHOWN_TEXT = 40
_HEADINGS = ("column", "type", "null", "distinct", "min", "median", "mean", "max")


def profile_metadata(
    profile: TableProfile, before: TableProfile | None
) -> dict[str, dg.MetadataValue]:
    """The profile's table, and the changes since `before` if there is one."""
    told: dict[str, dg.MetadataValue] = {
        "column_profile": dg.MetadataValue.md(profile_table(profile.columns)),
        "profiled_rows": dg.MetadataValue.int(profile.rows),
    }
    if before is not None:
        changes = compare(before, profile)
        told["profile_changes"] = dg.MetadataValue.md(change_table(changes))
    return told


def profile_table(columns: Iterable[ColumnProfile]) -> str:
    """One line per column."""
    return _table(
        _HEADINGS,
        [
            (
                column.name,
                column.type,
                f"{column.null_share:.1%}",
                f"{column.distinct:,}",
                _shown(column.minimum),
                _shown(column.quantiles.get("0.5")),
                _shown(column.mean),
                _shown(column.maximum),
            )
            for column in columns
        ],
    )


def change_table(changes: Sequence[Change]) -> str:
    """One line per change, or a sentence if there is none."""
    if not changes:
        return "Nothing changed since the materialization before."
    return _table(
        ("column", "what", "change"),
        [(one.column or "(table)", one.kind.value, one.change) for one in changes],
    )


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(map(_escaped, line))} |" for line in lines)


def _shown(value: Scalar) -> str:
    if value is None:
        return ""
    text = f"{value:,.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _SHOWN_TEXT else f"{text[: _SHOWN_TEXT - 1]}…"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
