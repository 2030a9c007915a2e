"""Semantic YAML as dbt's semantic manifest has it, without running dbt."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from analytics_platform.settings import ROOT

FLIGHTS = ROOT / "dbt_project/models/semantics"
TOY = ROOT / "tests/domains/toy/dbt_project/models/semantics"


def manifest_of(folder: Path, *changes: tuple[str, str]) -> dict[str, Any]:
    """The manifest of a folder of YAML, each (old, new) of `changes` made once."""
    texts = [path.read_text() for path in sorted(folder.glob("*.yml"))]
    for old, new in changes:
        assert sum(text.count(old) for text in texts) == 1, old
        texts = [text.replace(old, new) for text in texts]
    return manifest(*[yaml.safe_load(text) for text in texts])


def manifest(*parts: dict[str, Any]) -> dict[str, Any]:
    """The manifest of parsed YAML documents."""
    return {
        "semantic_models": [
            _model(one) for part in parts for one in part.get("semantic_models", ())
        ],
        "metrics": [_metric(one) for part in parts for one in part.get("metrics", ())],
    }


def _model(given: dict[str, Any]) -> dict[str, Any]:
    (alias,) = re.findall(r"ref\('(\w+)'\)", given["model"])
    return {
        "name": given["name"],
        "node_relation": {"schema_name": "marts", "alias": alias},
        "entities": [{"expr": None, **one} for one in given.get("entities", ())],
        "dimensions": [{"expr": None, **one} for one in given.get("dimensions", ())],
        "measures": [
            {"expr": None, "agg_params": None, "non_additive_dimension": None, **one}
            for one in given.get("measures", ())
        ],
    }


def _metric(given: dict[str, Any]) -> dict[str, Any]:
    parameters = dict(given["type_params"])
    for name in ("measure", "numerator", "denominator"):
        if name in parameters:
            parameters[name] = _input(parameters[name])
    parameters["metrics"] = [_input(one) for one in parameters.get("metrics", ())]
    return {
        "name": given["name"],
        "type": given["type"],
        "type_params": parameters,
        "filter": _filter(given.get("filter")),
        "config": given.get("config"),
    }


def _input(given: str | dict[str, Any]) -> dict[str, Any]:
    if isinstance(given, str):
        given = {"name": given}
    return {**given, "filter": _filter(given.get("filter"))}


def _filter(given: str | Sequence[str] | None) -> dict[str, Any] | None:
    if given is None:
        return None
    texts = [given] if isinstance(given, str) else given
    return {"where_filters": [{"where_sql_template": text} for text in texts]}
