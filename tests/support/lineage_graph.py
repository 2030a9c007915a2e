"""A hand-made lineage.

source/file -> raw/t(a, b) -> marts/m(x = a + b, n = count(*), u unknown)
                                 -> reports/r(s.x = m.x)    consumers/api
raw/orphan has no source; of marts/dark(z) no lineage is known.
"""

from analytics_platform.core.lineage import Asset, Column, Lineage

A, B = Column("raw/t", "a"), Column("raw/t", "b")
X = Column("marts/m", "x")
FILE = Column("source/file", "a")

GRAPH = Lineage(
    (
        Asset("source/file", is_external=True, columns=("a",)),
        Asset(
            "raw/t",
            group="ingestion",
            upstream=("source/file",),
            columns=("a", "b"),
            sources={"a": (FILE,), "b": ()},
        ),
        Asset(
            "marts/m",
            upstream=("raw/t",),
            columns=("x", "n", "u"),
            sources={"x": (A, B), "n": ()},
        ),
        Asset("marts/dark", upstream=("raw/t",), columns=("z",)),
        Asset("raw/orphan", columns=()),
        Asset(
            "reports/r", upstream=("marts/m",), columns=("s.x",), sources={"s.x": (X,)}
        ),
        Asset("consumers/api", is_external=True, upstream=("marts/m",)),
    )
)
