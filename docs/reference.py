"""Writes docs/settings.md, metrics.md and assets.md from the code they describe.

`python -m docs.reference` writes them; with `--check` it fails if one is out of date.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel

from analytics_platform.settings import PREFIX, ROOT, Settings, known_names

if TYPE_CHECKING:
    from dagster import AssetSpec

DOCS = ROOT / "docs"
_NOTICE = "<!-- Written by `make docs`; edit what it describes, not this page. -->\n\n"


def pages() -> dict[str, Callable[[], str]]:
    """What writes each page."""
    return {"settings.md": settings, "metrics.md": metrics, "assets.md": assets}


def settings() -> str:
    """The page of every setting, its default and its meaning."""
    defaults = dict(_defaults(Settings, PREFIX))
    rows = [
        (f"`{name}`", defaults[name], _required(name, description))
        for name, description in known_names().items()
    ]
    return _page(
        "Settings",
        "Set them in the environment or in `.env`; the environment wins. An unknown "
        "`ANALYTICS_` name is an error, and all errors are listed at once. "
        "`analytics doctor` shows what is in force, without secrets.",
        _table(("setting", "default", "meaning"), rows),
    )


def metrics() -> str:
    """The page of every metric that the semantic layer answers."""
    rows = [
        (
            f"`{metric['name']}`",
            metric["type"],
            metric["config"]["meta"]["unit"],
            _required(metric["name"], metric.get("description")),
        )
        for metric in declared_metrics()
    ]
    return _page(
        "Metrics",
        "Declared in `dbt_project/models/semantics` and answered by the semantic "
        "layer, over the warehouse and over published snapshots alike. Shares are "
        "0 to 1.",
        _table(("metric", "type", "unit", "meaning"), rows),
    )


def assets() -> str:
    """The page of every asset of the lineage graph, by group."""
    specs = sorted(
        _asset_specs(), key=lambda spec: (spec.group_name or "", spec.key.path)
    )
    parts = []
    for group, members in groupby(specs, key=lambda spec: spec.group_name):
        rows = [
            (
                f"`{spec.key.to_user_string()}`",
                "yes" if spec.partitions_def else "",
                ", ".join(sorted(spec.kinds)),
                ", ".join(spec.owners),
                _first_sentence(spec.key.to_user_string(), spec.description),
            )
            for spec in members
        ]
        header = ("asset", "partitioned", "kinds", "owner", "what it is")
        parts.append(f"## {group}\n\n{_table(header, rows)}")
    return _page(
        "Assets",
        "What Dagster materializes, with what it depends on outside (`source/...`). "
        "`analytics lineage --json` prints the edges, column by column.",
        "\n".join(parts),
    )


def declared_metrics() -> list[dict[str, Any]]:
    """The metrics that dbt's YAML files declare, by name."""
    found = []
    for path in sorted((ROOT / "dbt_project" / "models").rglob("*.yml")):
        found += (yaml.safe_load(path.read_text()) or {}).get("metrics", [])
    return sorted(found, key=lambda metric: str(metric["name"]))


def _asset_specs() -> "list[AssetSpec]":
    from analytics_platform.definitions import build_definitions
    from analytics_platform.resources import open_resources

    with tempfile.TemporaryDirectory() as home:
        definitions = build_definitions(open_resources(Settings(home=Path(home))))
        return list(definitions.resolve_all_asset_specs())


def _defaults(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        value = field.default
        if isinstance(value, BaseModel):
            yield from _defaults(type(value), f"{prefix}{name}__")
        else:
            yield f"{prefix}{name}".upper(), _shown(value)


def _shown(default: object) -> str:
    if default is None:
        return ""
    if isinstance(default, Path):
        default = default.relative_to(ROOT)
    return f"`{default}`"


def _required(name: str, description: str | None) -> str:
    if not description:
        raise SystemExit(f"error: {name} has no description.")
    return " ".join(description.split())


def _first_sentence(name: str, description: str | None) -> str:
    return _required(name, description).split(". ")[0].rstrip(".") + "."


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "".join(f"| {' | '.join(map(_escaped, line))} |\n" for line in lines)


def _escaped(cell: str) -> str:
    """The cell with what Markdown would read as a tag or a column, as written."""
    parts = cell.replace("|", "\\|").split("`")
    parts[::2] = [part.replace("<", "\\<") for part in parts[::2]]
    return "`".join(parts)


def _page(title: str, text: str, body: str) -> str:
    return f"# {title}\n\n{_NOTICE}{text}\n\n{body}"


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` say which are out of date."""
    stale = []
    for name, write in pages().items():
        page, path = write(), DOCS / name
        if "--check" in arguments and (not path.exists() or path.read_text() != page):
            stale.append(name)
        elif "--check" not in arguments:
            path.write_text(page)
    if stale:
        print(f"Out of date: {', '.join(stale)}. Run make docs.", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
