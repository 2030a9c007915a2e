"""Lineage over assets and their columns: what each is made of, and what uses it."""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from analytics_platform.errors import NotFound

_Node = TypeVar("_Node")


@dataclass(frozen=True, order=True)
class Column:
    """A column of an asset, written `marts/daily.late_share`."""

    asset: str
    name: str

    def __str__(self) -> str:
        return f"{self.asset}.{self.name}"

    @classmethod
    def parse(cls, text: str) -> "Column":
        """Read `<asset>.<column>`; the asset's own name has no dot in it."""
        asset, _, name = text.partition(".")
        return cls(asset, name)


@dataclass(frozen=True)
class Asset:
    """An asset as the orchestrator knows it.

    `columns` are those it is known to have; `sources` gives per column what it is
    computed from: an empty tuple says that it is computed from no column (such as a
    count of rows), a missing column that nobody knows.
    """

    name: str
    group: str = ""
    is_external: bool = False
    upstream: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    sources: Mapping[str, tuple[Column, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Coverage:
    """How many of a class's members have a known lineage; `unknown` lists the rest."""

    name: str
    covered: int
    total: int
    unknown: tuple[str, ...]

    @property
    def share(self) -> float:
        """Covered among all, 0 to 1; an empty class is covered."""
        return self.covered / self.total if self.total else 1.0


@dataclass(frozen=True)
class Lineage:
    """One graph over the assets and their columns."""

    assets: tuple[Asset, ...]

    @cached_property
    def by_name(self) -> dict[str, Asset]:
        """The assets by name."""
        return {asset.name: asset for asset in self.assets}

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """(upstream, downstream) pairs of assets, sorted."""
        return tuple(
            sorted((parent, one.name) for one in self.assets for parent in one.upstream)
        )

    @cached_property
    def column_edges(self) -> tuple[tuple[Column, Column], ...]:
        """(upstream, downstream) pairs of columns, sorted."""
        return tuple(
            sorted(
                {
                    (source, Column(asset.name, name))
                    for asset in self.assets
                    for name, sources in asset.sources.items()
                    for source in sources
                }
            )
        )

    def inputs(self, column: Column) -> tuple[Column, ...]:
        """Every column that `column` is computed from, directly or not.

        Raises:
            NotFound: there is no such column.
        """
        self._check(column)
        return _reached(column, ((down, up) for up, down in self.column_edges))

    def impact(self, column: Column) -> tuple[Column, ...]:
        """Every column that is computed from `column`, directly or not.

        Raises:
            NotFound: there is no such column.
        """
        self._check(column)
        return _reached(column, self.column_edges)

    def assets_after(self, name: str) -> tuple[str, ...]:
        """Every asset that is made of `name`, directly or not.

        Raises:
            NotFound: there is no such asset.
        """
        self._asset(name)
        return _reached(name, self.edges)

    def unparsed(self) -> tuple[str, ...]:
        """The assets that have columns, but of none of them a known lineage."""
        return tuple(
            sorted(
                asset.name
                for asset in self.assets
                if asset.columns and not asset.is_external and not asset.sources
            )
        )

    def coverage(self, prefixes: Collection[str]) -> tuple[Coverage, ...]:
        """Coverage of all assets, then of the columns of the assets under each prefix.

        An asset is covered when it is external and feeds one, or when every chain of
        its inputs begins at an external asset or at one whose columns are known to
        come from none (a calendar, a seed). A column is covered when it is known what
        it is computed from.
        """
        return (
            self._asset_coverage(),
            *(self._column_coverage(prefix) for prefix in prefixes),
        )

    def _asset_coverage(self) -> Coverage:
        parents = {parent for parent, _ in self.edges}
        rooted = _rooted(self.by_name)
        unknown = sorted(
            asset.name
            for asset in self.assets
            if asset.name not in rooted
            or (asset.is_external and not asset.upstream and asset.name not in parents)
        )
        total = len(self.assets)
        return Coverage("assets", total - len(unknown), total, tuple(unknown))

    def _column_coverage(self, prefix: str) -> Coverage:
        columns = [
            (asset, name)
            for asset in self.assets
            if asset.name.startswith(f"{prefix}/")
            for name in asset.columns
        ]
        unknown = tuple(
            sorted(
                str(Column(asset.name, name))
                for asset, name in columns
                if name not in asset.sources
            )
        )
        covered = len(columns) - len(unknown)
        return Coverage(f"{prefix} columns", covered, len(columns), unknown)

    def _check(self, column: Column) -> None:
        asset = self._asset(column.asset)
        known = {*asset.columns, *asset.sources}
        known |= {up.name for up, _ in self.column_edges if up.asset == asset.name}
        if column.name not in known:
            raise NotFound(
                f"The asset {asset.name} has no column {column.name!r}.",
                hint=f"It has {', '.join(sorted(known)) or 'none that are known'}.",
            )

    def _asset(self, name: str) -> Asset:
        try:
            return self.by_name[name]
        except KeyError:
            raise NotFound(
                f"There is no asset {name!r}.",
                hint="`analytics lineage` lists the assets.",
            ) from None


def to_plain(lineage: Lineage, coverage: Iterable[Coverage]) -> dict[str, object]:
    """Everything known, as lists, dicts, texts and numbers, ready for JSON."""
    return {
        "assets": [
            {
                "asset": asset.name,
                "group": asset.group,
                "external": asset.is_external,
                "columns": list(asset.columns),
            }
            for asset in sorted(lineage.assets, key=lambda one: one.name)
        ],
        "edges": [list(edge) for edge in lineage.edges],
        "column_edges": [[str(up), str(down)] for up, down in lineage.column_edges],
        "coverage": {
            one.name: {
                "covered": one.covered,
                "total": one.total,
                "share": one.share,
                "unknown": list(one.unknown),
            }
            for one in coverage
        },
        "unparsed": list(lineage.unparsed()),
    }


def _reached(start: _Node, edges: Iterable[tuple[_Node, _Node]]) -> tuple[_Node, ...]:
    """All that follows `start`, nearest first, without itself."""
    following = defaultdict(list)
    for before, after in edges:
        following[before].append(after)
    seen = {start}
    found: list[_Node] = []
    queue = deque([start])
    while queue:
        for after in following[queue.popleft()]:
            if after not in seen:
                seen.add(after)
                found.append(after)
                queue.append(after)
    return tuple(found)


def _rooted(assets: Mapping[str, Asset]) -> set[str]:
    """The assets of which every chain of inputs begins where it may."""
    rooted = {name for name, one in assets.items() if _is_beginning(one)}
    while True:
        more = {
            name
            for name, one in assets.items()
            if name not in rooted and one.upstream and rooted.issuperset(one.upstream)
        }
        if not more:
            return rooted
        rooted |= more


def _is_beginning(asset: Asset) -> bool:
    """Whether an asset may have no inputs: it lies outside, or is made of nothing."""
    if asset.upstream:
        return False
    known = {name for name, sources in asset.sources.items() if not sources}
    made_of_nothing = bool(known) and known.issuperset(asset.columns)
    return asset.is_external or made_of_nothing
