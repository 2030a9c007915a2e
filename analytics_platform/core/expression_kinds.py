"""Settles what kind of value each part of an expression is, from how it is used."""

from dataclasses import dataclass, field, replace

from analytics_platform.core.expressions import (
    Arithmetic,
    Branch,
    Case,
    Coalesce,
    Column,
    Comparison,
    Constant,
    InvalidExpression,
    IsNull,
    Kind,
    Logical,
    Negation,
    Node,
    Not,
)

_EQUALITY = {"=", "<>"}


def resolve(text: str, root: Node, kind: Kind | None) -> tuple[Node, Kind | None]:
    """`root` with the kinds of its columns and nulls, and its own kind.

    Raises:
        InvalidExpression: a part is used as two kinds, or the whole is not of `kind`.
    """
    settling = _Settling(text)
    known = -1
    # A later use may settle an earlier one: `a = b and b > 1` makes `a` a number.
    while len(settling.columns) > known:
        known = len(settling.columns)
        root, found = settling.settle(root, kind)
    return root, found


@dataclass(frozen=True)
class _Settling:
    text: str
    columns: dict[str, Kind] = field(default_factory=dict)

    def settle(self, node: Node, wanted: Kind | None) -> tuple[Node, Kind | None]:
        settled, kind = self._settle(node, wanted)
        if kind is not None and wanted is not None and kind is not wanted:
            raise InvalidExpression(
                self.text,
                f"a {wanted} is needed, a {kind} was given",
                position=node.position,
            )
        return settled, kind or wanted

    def _settle(self, node: Node, wanted: Kind | None) -> tuple[Node, Kind | None]:
        match node:
            case Column():
                return self._column(node, wanted)
            case Constant():
                kind = node.kind or wanted
                return replace(node, kind=kind), kind
            case Negation() | Not() | IsNull():
                return self._unary(node)
            case Case():
                return self._case(node, wanted)
            case Coalesce():
                operands, kind = self._alike(node.operands, wanted)
                return replace(node, operands=operands), kind
        return self._pair(node)

    def _unary(self, node: Negation | Not | IsNull) -> tuple[Node, Kind]:
        kind = Kind.NUMBER if isinstance(node, Negation) else Kind.BOOLEAN
        wanted = None if isinstance(node, IsNull) else kind
        operand, _ = self.settle(node.operand, wanted)
        return replace(node, operand=operand), kind

    def _pair(self, node: Arithmetic | Comparison | Logical) -> tuple[Node, Kind]:
        wanted: Kind | None = Kind.NUMBER
        if isinstance(node, Logical):
            wanted = Kind.BOOLEAN
        elif isinstance(node, Comparison) and node.operator in _EQUALITY:
            wanted = None
        (left, right), _ = self._alike((node.left, node.right), wanted)
        kind = Kind.NUMBER if isinstance(node, Arithmetic) else Kind.BOOLEAN
        return replace(node, left=left, right=right), kind

    def _column(self, node: Column, wanted: Kind | None) -> tuple[Node, Kind | None]:
        kind = self.columns.get(node.name, wanted)
        if kind is not None:
            self.columns[node.name] = kind
        return replace(node, kind=kind), kind

    def _case(self, node: Case, wanted: Kind | None) -> tuple[Node, Kind | None]:
        results, kind = self._alike(
            (*(branch.result for branch in node.branches), node.otherwise), wanted
        )
        branches = tuple(
            Branch(
                self.settle(branch.condition, Kind.BOOLEAN)[0],
                result,
                position=branch.position,
            )
            for branch, result in zip(node.branches, results, strict=False)
        )
        return replace(node, branches=branches, otherwise=results[-1]), kind

    def _alike(
        self, nodes: tuple[Node, ...], wanted: Kind | None
    ) -> tuple[tuple[Node, ...], Kind | None]:
        """Nodes that must share one kind: the first that has one decides."""
        for node in nodes:
            wanted = self.settle(node, wanted)[1]
        return tuple(self.settle(node, wanted)[0] for node in nodes), wanted
