"""Point-in-time features on PostgreSQL against the brute-force oracle."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from analytics_platform.adapters.postgres_warehouse import PostgresWarehouse
from analytics_platform.settings import Settings, WarehouseSettings
from tests.support.feature_parity import check_random_histories

pytestmark = pytest.mark.system


def test_random_histories_equal_the_oracle(
    postgres_database: str, tmp_path: Path
) -> None:
    server = WarehouseSettings(kind="postgres", url=SecretStr(postgres_database))
    warehouse = PostgresWarehouse(Settings(home=tmp_path, warehouse=server))
    with warehouse.exclusive(), warehouse.session() as session:
        for seed in range(12):
            found = check_random_histories(
                session, warehouse.dialect, seed=seed, histories=100
            )
            assert found == []
