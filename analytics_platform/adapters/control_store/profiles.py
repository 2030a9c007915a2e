"""Column profiles of materialized assets."""

from dataclasses import dataclass

from sqlalchemy import Engine, insert, select

from analytics_platform.adapters.control_store.engine import reading, writing
from analytics_platform.adapters.control_store.tables import PROFILES
from analytics_platform.contracts.records import TableProfile


@dataclass(frozen=True)
class Profiles:
    """Profiles, one per asset and materialization."""

    engine: Engine

    def record(self, profile: TableProfile) -> None:
        """Add a profile."""
        fields = profile.model_dump(mode="json", exclude={"profiled_at"})
        with writing(self.engine, "profiles") as connection:
            connection.execute(
                insert(PROFILES).values(**fields, profiled_at=profile.profiled_at)
            )

    def latest(self, asset: str, count: int = 2) -> list[TableProfile]:
        """The newest `count` profiles of an asset, newest first."""
        query = (
            select(PROFILES)
            .where(PROFILES.c.asset == asset)
            .order_by(PROFILES.c.id.desc())
            .limit(count)
        )
        with reading(self.engine) as connection:
            rows = connection.execute(query).mappings().all()
        return [
            TableProfile.model_validate({k: v for k, v in row.items() if k != "id"})
            for row in rows
        ]

    def assets(self) -> list[str]:
        """Every asset that has a profile, sorted."""
        with reading(self.engine) as connection:
            query = select(PROFILES.c.asset).distinct().order_by(PROFILES.c.asset)
            return list(connection.scalars(query))
