"""`analytics lineage`: what everything is made of, and what a change would touch."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from analytics_platform.cli.environment import prepare

if TYPE_CHECKING:
    from analytics_platform.core.lineage import Coverage, Lineage

# The classes of columns that people read, so that must be traced.
COVERED = ("marts", "features", "reports")


def lineage(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    column: Annotated[
        str | None, typer.Option(help="Show what this column is made of.")
    ] = None,
    impact: Annotated[
        str | None, typer.Option(help="Show what dropping this column would touch.")
    ] = None,
) -> None:
    """Print assets, edges, column edges and how complete they are.

    A column is written as its asset and name, such as marts/daily.late_share.
    """
    from analytics_platform.core.lineage import Column, to_plain

    known = _load()
    if column is not None:
        found = known.inputs(Column.parse(column))
        _print_columns(f"{column} is computed from", found, as_json=as_json)
    elif impact is not None:
        found = known.impact(Column.parse(impact))
        _print_columns(f"{impact} is read by", found, as_json=as_json)
    elif as_json:
        print(json.dumps(to_plain(known, known.coverage(COVERED)), indent=2))
    else:
        _print_all(known)


def _load() -> "Lineage":
    from analytics_platform.definitions import build_definitions
    from analytics_platform.defs.instance import open_instance
    from analytics_platform.defs.known_lineage import known_lineage
    from analytics_platform.resources import open_resources

    definitions = build_definitions(open_resources(prepare()))
    with open_instance() as instance:
        return known_lineage(definitions, instance)


def _print_columns(title: str, columns: tuple[object, ...], *, as_json: bool) -> None:
    names = [str(column) for column in columns]
    if as_json:
        print(json.dumps(names, indent=2))
        return
    print(f"{title} {len(names)} column(s)" + (":" if names else "."))
    for name in names:
        print(f"  {name}")


def _print_all(known: "Lineage") -> None:
    for asset in sorted(known.assets, key=lambda one: one.name):
        behind = ", ".join(asset.upstream) or "nothing"
        print(f"{asset.name} <- {behind}")
    print()
    for before, after in known.column_edges:
        print(f"{before} -> {after}")
    print()
    print(
        f"{len(known.assets)} assets, {len(known.edges)} edges between them, ", end=""
    )
    print(f"{len(known.column_edges)} between their columns")
    for one in known.coverage(COVERED):
        _print_coverage(one)
    for name in known.unparsed():
        print(f"no column lineage is known for {name}")


def _print_coverage(one: "Coverage") -> None:
    if not one.total:
        print(f"{one.name}: none are known yet; materialize them first")
        return
    print(f"{one.name}: {one.covered} of {one.total} covered ({one.share:.1%})")
    for name in one.unknown:
        print(f"  unknown: {name}")
