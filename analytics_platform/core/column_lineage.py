"""Which columns each column of a dbt project's models is computed from."""

from collections.abc import Mapping, Sequence
from typing import Any

from analytics_platform.core.query_lineage import Tables, query_lineage
from analytics_platform.errors import InvalidUsage

Manifest = Mapping[str, Any]
Declared = Mapping[str, Sequence[str]]  # `schema.table` -> its columns


def manifest_lineage(
    manifest: Manifest, *, dialect: str, declared: Declared | None = None
) -> dict[str, Any]:
    """Column lineage of every model and snapshot, by unique id.

    `models` gives per column the columns behind it, written `schema/table.column`; a
    column computed from none (such as a count) has an empty list. `unparsed` lists the
    nodes whose query cannot be read. A seed's columns come from nowhere but its file.
    `declared` gives the columns of tables that the project does not document.
    """
    tables = _tables(manifest, declared or {})
    models: dict[str, dict[str, list[str]]] = {}
    unparsed: list[str] = []
    for unique_id, node in manifest["nodes"].items():
        kind = node["resource_type"]
        if kind == "seed":
            models[unique_id] = {name: [] for name in node["columns"]}
        elif kind in ("model", "snapshot"):
            found = _columns(node, tables, dialect)
            if found is None:
                unparsed.append(unique_id)
            else:
                models[unique_id] = found
    return {"models": models, "unparsed": sorted(unparsed)}


def _columns(
    node: Manifest, tables: Tables, dialect: str
) -> dict[str, list[str]] | None:
    sql = node.get("compiled_code")
    if not sql:
        return None
    try:
        found = query_lineage(sql, tables, dialect=dialect)
    except InvalidUsage:
        return None
    columns = {
        name: list(sources)
        for name, sources in found.items()
        if not any(_is_star(one) for one in (name, *sources))
    }
    if found and not columns:
        return None
    # What a snapshot adds to its query are instants and keys of the snapshot itself.
    added = node["columns"] if node["resource_type"] == "snapshot" else {}
    return {**{name: [] for name in added}, **columns}


def _is_star(column: str) -> bool:
    """Whether it stands for all columns of a table, as nobody knows which it has."""
    return column.rpartition(".")[2] == "*"


def _tables(manifest: Manifest, declared: Declared) -> Tables:
    """The tables whose columns are known; sqlglot refuses a schema with any other."""
    tables: dict[str, dict[str, dict[str, str]]] = {}
    for node in (*manifest["nodes"].values(), *manifest["sources"].values()):
        if node["resource_type"] in ("model", "snapshot", "seed", "source"):
            name = node.get("alias") or node["identifier"]
            columns = node["columns"] or declared.get(f"{node['schema']}.{name}", ())
            if columns:
                known = dict.fromkeys(columns, "unknown")
                tables.setdefault(node["schema"], {})[name] = known
    return tables
