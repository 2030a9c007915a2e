"""API keys: who has one, what it opens, when it was used, whether it was revoked."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, RowMapping, insert, select, update

from analytics_platform.adapters.control_store.engine import reading, writing
from analytics_platform.adapters.control_store.tables import KEYS
from analytics_platform.core.access import ApiKey, Role
from analytics_platform.errors import NotFound

# Writing the last use of a busy key at every use would make it the busiest row.
USE_PRECISION = timedelta(minutes=1)


@dataclass(frozen=True)
class Keys:
    """Keys by id; of their secrets only digests are here."""

    engine: Engine

    def add(self, key: ApiKey) -> None:
        """Keep a new key."""
        roles = [role.value for role in key.roles]
        values = {**asdict(key), "roles": roles, "channels": list(key.channels)}
        with writing(self.engine, "keys") as connection:
            connection.execute(insert(KEYS).values(**values))

    def find(self, id: str) -> ApiKey | None:
        """The key of this id, whatever its state."""
        with reading(self.engine) as connection:
            found = connection.execute(select(KEYS).where(KEYS.c.id == id))
            row = found.mappings().one_or_none()
        return None if row is None else _key(row)

    def all(self) -> list[ApiKey]:
        """Every key ever made, oldest first."""
        query = select(KEYS).order_by(KEYS.c.created_at, KEYS.c.id)
        with reading(self.engine) as connection:
            return [_key(row) for row in connection.execute(query).mappings()]

    def unusable(self, ids: Collection[str], now: datetime) -> set[str]:
        """Those of `ids` that are revoked, expired or unknown."""
        query = select(KEYS).where(KEYS.c.id.in_(ids))
        with reading(self.engine) as connection:
            keys = [_key(row) for row in connection.execute(query).mappings()]
        return set(ids) - {key.id for key in keys if key.state(now) == "active"}

    def mark_used(self, key: ApiKey, now: datetime) -> None:
        """Remember that a key was used, to the minute."""
        if key.last_used_at and now - key.last_used_at < USE_PRECISION:
            return
        with writing(self.engine, "keys") as connection:
            mine = update(KEYS).where(KEYS.c.id == key.id)
            connection.execute(mine.values(last_used_at=now))

    def revoke(self, id: str, now: datetime) -> ApiKey:
        """End a key; revoked again, the first time counts.

        Raises:
            NotFound: there is no such key.
        """
        with writing(self.engine, "keys") as connection:
            mine = (KEYS.c.id == id) & KEYS.c.revoked_at.is_(None)
            connection.execute(update(KEYS).where(mine).values(revoked_at=now))
        key = self.find(id)
        if key is None:
            raise NotFound(
                f"There is no key {id!r}.", hint="See `analytics keys list`."
            )
        return key


def _key(row: RowMapping) -> ApiKey:
    values: dict[str, Any] = dict(row)  # the table's columns are the key's fields
    values["roles"] = tuple(Role(name) for name in values["roles"])
    values["channels"] = tuple(values["channels"])
    return ApiKey(**values)
