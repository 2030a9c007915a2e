"""The control store: what the platform must remember, each concern in its own class."""

from dataclasses import dataclass
from typing import Self

from sqlalchemy import Engine

from analytics_platform.adapters.control_store.engine import open_engine
from analytics_platform.adapters.control_store.inbox import Inbox
from analytics_platform.adapters.control_store.keys import Keys
from analytics_platform.adapters.control_store.ledger import Ledger
from analytics_platform.adapters.control_store.outbox import Outbox
from analytics_platform.adapters.control_store.profiles import Profiles
from analytics_platform.adapters.control_store.quarantine import Quarantine
from analytics_platform.adapters.control_store.releases import Releases
from analytics_platform.adapters.control_store.verdicts import Verdicts


@dataclass(frozen=True)
class ControlStore:
    """One database; its tables are made by migrations, never here."""

    engine: Engine
    releases: Releases
    ledger: Ledger
    verdicts: Verdicts
    profiles: Profiles
    quarantine: Quarantine
    inbox: Inbox
    outbox: Outbox
    keys: Keys

    @classmethod
    def open(cls, url: str) -> Self:
        """The control store at a SQLAlchemy URL; connects when first used."""
        engine = open_engine(url)
        return cls(
            engine=engine,
            releases=Releases(engine),
            ledger=Ledger(engine),
            verdicts=Verdicts(engine),
            profiles=Profiles(engine),
            quarantine=Quarantine(engine),
            inbox=Inbox(engine),
            outbox=Outbox(engine),
            keys=Keys(engine),
        )

    def close(self) -> None:
        """Let go of idle connections."""
        self.engine.dispose()
