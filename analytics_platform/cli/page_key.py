"""The key with which the live page of a platform on this machine opens.

It is made at the first start and kept, in a file that only its owner may read: whoever
reads that file can read the databases beside it and make keys at will, so a new key at
each start would protect nothing, and would close the pages that are open.
"""

import secrets
from datetime import datetime, timedelta
from pathlib import Path

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.ledger import Note
from analytics_platform.adapters.durable_files import write_atomically
from analytics_platform.core.access import (
    AccessDenied,
    KeyRequest,
    Role,
    authenticate,
    issue_key,
    key_id,
)
from analytics_platform.settings import Settings

OWNER = "live page"
_LIFETIME = timedelta(days=90)
_AT_LEAST = timedelta(days=7)  # a start shall not print a key that soon ends


def page_key(settings: Settings, now: datetime) -> str:
    """The kept key if it opens for some days more, else a new one.

    The control store's tables must be up to date.
    """
    store = ControlStore.open(settings.control_store_url)
    try:
        kept = kept_key(settings)
        if kept is not None and _opens(store, kept, now + _AT_LEAST):
            return kept
        request = KeyRequest(OWNER, (Role.VIEWER,), _LIFETIME)
        text, key = issue_key(request, now=now, random=secrets.token_hex)
        store.keys.add(key)
        note = Note("analytics up", "key created", {"owner": OWNER}, now)
        store.ledger.append(f"key/{key.id}", note)
        _write(_file(settings), text)
        return text
    finally:
        store.close()


def kept_key(settings: Settings) -> str | None:
    """What was kept, whether it opens or not."""
    try:
        return _file(settings).read_text().strip()
    except FileNotFoundError:
        return None


def _opens(store: ControlStore, text: str, now: datetime) -> bool:
    try:
        authenticate(text, store.keys.find(key_id(text)), now=now)
    except AccessDenied:
        return False
    return True


def _write(file: Path, text: str) -> None:
    write_atomically(file, f"{text}\n".encode())
    file.chmod(0o600)  # as temporary files are from their beginning


def _file(settings: Settings) -> Path:
    return settings.home / "run" / "page.key"
