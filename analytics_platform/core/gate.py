"""The gate: which partitions of which assets may be built, given what checks said."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from graphlib import CycleError, TopologicalSorter

from analytics_platform.contracts.records import Verdict
from analytics_platform.errors import InvalidUsage

# A partition key; None stands for the whole of an unpartitioned asset.
Part = str | None


class Reads(Enum):
    """Which upstream partitions a partition is built from."""

    SAME = auto()
    ALL = auto()
    WINDOW = auto()  # its own and the `back` ones before it


@dataclass(frozen=True)
class Edge:
    """An asset reads `upstream`; what `reads` says holds between partitioned assets.

    An unpartitioned asset reads all of `upstream`; an unpartitioned `upstream` is read
    whole.
    """

    upstream: str
    reads: Reads = Reads.SAME
    back: int = 0


@dataclass(frozen=True)
class Graph:
    """The assets of a platform, neutral of who runs them.

    Attributes:
        partitions: keys of all partitions, in order; every partitioned asset has them.
        partitioned: the assets that have partitions; the others are one whole.
        edges: what each asset reads; an asset without an entry reads nothing.
    """

    partitions: tuple[str, ...]
    partitioned: frozenset[str]
    edges: Mapping[str, tuple[Edge, ...]]
    _position: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        position = {key: index for index, key in enumerate(self.partitions)}
        object.__setattr__(self, "_position", position)

    def parts(self, asset: str) -> tuple[Part, ...]:
        """The keys of an asset's partitions; only None if it has none."""
        return self.partitions if asset in self.partitioned else (None,)

    def read_parts(self, part: Part, edge: Edge) -> tuple[Part, ...]:
        """The parts of `edge.upstream` from which the reader's `part` is built."""
        if edge.upstream not in self.partitioned:
            return (None,)
        if part is None or edge.reads is Reads.ALL:
            return self.partitions
        at = self._position.get(part)
        if edge.reads is Reads.SAME or at is None:
            return (part,)
        return self.partitions[max(0, at - edge.back) : at + 1]

    def in_order(self) -> list[str]:
        """All assets, each after those it reads.

        Raises:
            InvalidUsage: assets read each other in a circle.
        """
        before = {
            asset: {edge.upstream for edge in edges}
            for asset, edges in self.edges.items()
        }
        try:
            return list(TopologicalSorter(before).static_order())
        except CycleError as error:
            raise InvalidUsage(
                f"Assets read each other in a circle: {' -> '.join(error.args[1])}.",
                hint="Remove one of these dependencies.",
            ) from error


def buildable(
    graph: Graph,
    verdicts: Iterable[Verdict],
    wanted: Mapping[str, Collection[Part]],
) -> dict[str, frozenset[Part]]:
    """The wanted parts of each wanted asset whose inputs are all fit to be read.

    A part is unfit while a blocking check of its own is red, or while a part it is
    built from is unfit. Its own red checks do not keep it from being built: building
    it again is the repair. Warnings, errors that do not block and documented defects
    keep nothing back. An unpartitioned asset (part None) is kept back whole.

    `verdicts` are those in force: leave out the ones of parts being built anew
    (`in_force`).
    """
    kept_back = _kept_back(graph, _red(graph, verdicts))
    return {
        asset: frozenset(parts) - kept_back.get(asset, frozenset())
        for asset, parts in wanted.items()
    }


def passing(
    asset: str,
    partitions: Iterable[str],
    graph: Graph,
    verdicts: Iterable[Verdict],
) -> list[str]:
    """The given partitions of `asset` that may be built, in the given order."""
    asked = list(partitions)
    allowed = buildable(graph, verdicts, {asset: asked})[asset]
    return [partition for partition in asked if partition in allowed]


def in_force(
    verdicts: Iterable[Verdict], rebuilt: Mapping[str, Collection[Part]]
) -> list[Verdict]:
    """The verdicts without those on parts that are built and judged anew."""
    return [
        verdict
        for verdict in verdicts
        if verdict.partition not in rebuilt.get(verdict.asset, ())
    ]


def blockers(
    graph: Graph, verdicts: Iterable[Verdict], asset: str, part: Part = None
) -> list[Verdict]:
    """The red blocking verdicts that keep a part of `asset` from being built."""
    judged = [verdict for verdict in verdicts if verdict.blocks]
    seen: set[tuple[str, Part]] = set()
    stack = [(asset, part)]
    while stack:
        reader, reader_part = stack.pop()
        for edge in graph.edges.get(reader, ()):
            for read in graph.read_parts(reader_part, edge):
                if (edge.upstream, read) not in seen:
                    seen.add((edge.upstream, read))
                    stack.append((edge.upstream, read))
    return [one for one in judged if not seen.isdisjoint(_red_parts(graph, one))]


def _red(graph: Graph, verdicts: Iterable[Verdict]) -> dict[str, set[Part]]:
    red: dict[str, set[Part]] = {}
    for verdict in verdicts:
        if verdict.blocks:
            for asset, part in _red_parts(graph, verdict):
                red.setdefault(asset, set()).add(part)
    return red


def _red_parts(graph: Graph, verdict: Verdict) -> list[tuple[str, Part]]:
    """A verdict on the whole of a partitioned asset is one on each partition."""
    asset = verdict.asset
    if asset in graph.partitioned and verdict.partition is not None:
        return [(asset, verdict.partition)]
    return [(asset, part) for part in graph.parts(asset)]


def _kept_back(
    graph: Graph, red: Mapping[str, set[Part]]
) -> dict[str, frozenset[Part]]:
    """Per asset, the parts that read something unfit."""
    kept_back: dict[str, frozenset[Part]] = {}
    for asset in graph.in_order():
        kept_back[asset] = frozenset(
            part
            for part in graph.parts(asset)
            if any(
                read in kept_back[edge.upstream] or read in red.get(edge.upstream, ())
                for edge in graph.edges.get(asset, ())
                for read in graph.read_parts(part, edge)
            )
        )
    return kept_back
