"""`dbt build` alone, from a plain shell in the project's folder."""

import os
import subprocess
import sys
from pathlib import Path

from analytics_platform.settings import ROOT
from tests.support.flight_warehouse import load_raw_duckdb


def test_dbt_build_alone_builds_and_tests_everything(tmp_path: Path) -> None:
    file = tmp_path / "warehouse.duckdb"
    load_raw_duckdb(file, days_per_month=1)
    command = str(Path(sys.executable).with_name("dbt"))
    plain = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [
            *(command, "--no-use-colors", "--log-path", str(tmp_path / "logs")),
            *("build", "--target-path", str(tmp_path / "target")),
        ],
        cwd=ROOT / "dbt_project",
        env={**plain, "DBT_DUCKDB_PATH": str(file)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "ERROR=0 SKIP=0" in done.stdout
    assert "11 unit tests" in done.stdout
