"""API keys for tests and benchmarks."""

import secrets
from datetime import UTC, datetime, timedelta

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.core.access import KeyRequest, Role, issue_key


def stored_key(control_store_url: str, role: Role = Role.ADMIN) -> str:
    """A new key of a role, good for two hours."""
    request = KeyRequest("tests", (role,), timedelta(hours=2))
    text, key = issue_key(request, now=datetime.now(UTC), random=secrets.token_hex)
    store = ControlStore.open(control_store_url)
    store.keys.add(key)
    store.engine.dispose()
    return text
