"""Expressions on PostgreSQL against the evaluator over arrays."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from analytics_platform.adapters.postgres_warehouse import PostgresWarehouse
from analytics_platform.settings import Settings, WarehouseSettings
from tests.support.expression_parity import check_random_expressions

pytestmark = pytest.mark.system


def test_random_expressions_agree_with_the_evaluator(
    postgres_database: str, tmp_path: Path
) -> None:
    server = WarehouseSettings(kind="postgres", url=SecretStr(postgres_database))
    warehouse = PostgresWarehouse(Settings(home=tmp_path, warehouse=server))
    with warehouse.exclusive(), warehouse.session() as session:
        for seed in range(5):
            found = check_random_expressions(
                session, warehouse.dialect, seed=seed, expressions=200
            )
            assert found == []
