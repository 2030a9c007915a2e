"""The year with bare DuckDB, LightGBM and ONNX, from a plan; run by batch.py.

No orchestration, no contracts, no history, no verdicts kept: what the libraries need.
"""

import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import duckdb

from analytics_platform.settings import load_settings

_BINS = 20


def main() -> None:
    """Carry out the plan `argv[1]` in the folder `argv[2]`; print seconds by part."""
    plan, folder = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    settings = load_settings(env_file=None)
    seconds: dict[str, tuple[float, float]] = {}
    with duckdb.connect(
        str(folder / "warehouse.duckdb"),
        config={
            "threads": settings.warehouse.threads,
            "memory_limit": settings.warehouse.memory_limit,
        },
    ) as connection:
        connection.execute("set timezone = 'UTC'")
        with _timed("load", seconds):
            _load(connection, plan, folder)
        with _timed("models", seconds):
            _run(connection, plan["models"])
        with _timed("checks", seconds):
            _run(connection, plan["checks"])
        with _timed("features", seconds):
            connection.execute("create schema features")
            _run(connection, plan["features"])
        with _timed("profiles", seconds):
            for relation in plan["profiled"]:
                _profile(connection, relation)
        with _timed("publish", seconds):
            for relation in plan["published"]:
                name = relation.split(".")[-1].strip('"')
                connection.execute(
                    f"copy (from {relation}) to '{folder / name}.parquet' "
                    "(format parquet, compression zstd)"
                )
        with _timed("training data", seconds):
            table = _training_table(connection, plan)
    with _timed("models trained", seconds):
        _train(table, settings.warehouse.threads, settings.training.seed, folder)
    print(json.dumps(seconds))


def _load(
    connection: duckdb.DuckDBPyConnection, plan: dict[str, Any], folder: Path
) -> None:
    for schema in ("raw", "staging", "intermediate", "marts", "snapshots"):
        connection.execute(f"create schema {schema}")
    for source in plan["sources"]:
        path = Path(
            str(distribution(source["distribution"]).locate_file(source["path"]))
        )
        if path.suffix == ".zip":
            path = _unpacked(path, folder)
        day = source["partition_date"]
        extra = f", cast({day} as date) as partition_date" if day else ""
        connection.execute(
            f"create table {source['table']} as select *{extra} from "
            f"read_csv('{path}', nullstr='{source['null_text']}', header=true, "
            f"columns={json.dumps(source['columns'])})"
        )
    for relation, path in plan["seeds"].items():
        connection.execute(f"create table {relation} as from read_csv('{path}')")


def _unpacked(path: Path, folder: Path) -> Path:
    import zipfile

    with zipfile.ZipFile(path) as archive:
        (name,) = (one for one in archive.namelist() if not one.endswith("/"))
        return Path(archive.extract(name, folder))


def _run(connection: duckdb.DuckDBPyConnection, statements: list[str]) -> None:
    for statement in statements:
        connection.execute(statement).fetchall()


def _profile(connection: duckdb.DuckDBPyConnection, relation: str) -> None:
    """Summary, most frequent values and histograms of all columns, approximately."""
    summary = connection.execute(f"summarize {relation}").fetchall()
    parts = []
    for name, kind, low, high, *_ in summary:
        column = f'"{name}"'
        parts.append(f"approx_top_k({column}, 10)")
        if kind in ("BIGINT", "DOUBLE", "INTEGER") and low is not None:
            start, width = float(low), (float(high) - float(low)) / _BINS or 1.0
            bin_of = f"cast(floor(({column} - {start}) / {width}) as tinyint)"
            parts.append(f"histogram({bin_of})")
    connection.execute(f"select {', '.join(parts)} from {relation}").fetchall()


def _training_table(connection: duckdb.DuckDBPyConnection, plan: dict[str, Any]) -> Any:
    query = plan["training"].replace(":latest", "$until").replace(":now", "$until")
    until = datetime.fromisoformat(plan["training_until"])
    return connection.execute(query, {"until": until}).to_arrow_table()


def _train(table: Any, threads: int, seed: int, folder: Path) -> None:
    """Both models with the platform's data, parameters and rounds, and as ONNX."""
    from analytics_platform.adapters.model_files import convert_to_onnx, predict_onnx
    from analytics_platform.core.training.trainer import train
    from analytics_platform.core.training.training_set import TrainingSet
    from analytics_platform.domains.loader import load_domain

    domain = load_domain(load_settings(env_file=None).domain)
    data = TrainingSet.of(table, domain.spine.ahead)
    for spec in domain.models:
        trained = train(spec, domain, data, seed=seed, threads=threads)
        inputs = trained.holdout_inputs()
        onnx = convert_to_onnx(trained.fitted.text, spec.task, inputs.shape[1])
        (folder / f"{spec.name}.onnx").write_bytes(onnx.SerializeToString())
        predict_onnx(onnx.SerializeToString(), inputs)


@contextmanager
def _timed(part: str, seconds: dict[str, tuple[float, float]]) -> Iterator[None]:
    wall, cpu = time.monotonic(), _cpu()
    yield
    seconds[part] = (time.monotonic() - wall, _cpu() - cpu)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
