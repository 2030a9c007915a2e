"""The key of the live page: made once, kept from others' eyes, renewed in time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.cli.page_key import OWNER, kept_key, page_key
from analytics_platform.core.access import Role, authenticate, key_id
from analytics_platform.settings import Settings

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(home=tmp_path)
    migrate(made.control_store_url)
    return made


@pytest.fixture
def store(settings: Settings) -> ControlStore:
    return ControlStore.open(settings.control_store_url)


def test_it_is_made_at_the_first_start_and_kept(
    settings: Settings, store: ControlStore
) -> None:
    assert kept_key(settings) is None
    text = page_key(settings, NOW)
    assert page_key(settings, NOW + timedelta(days=60)) == text == kept_key(settings)
    (key,) = store.keys.all()
    assert (key.owner, key.roles) == (OWNER, (Role.VIEWER,))
    assert authenticate(text, key, now=NOW).name == OWNER
    assert store.ledger.entries(f"key/{key_id(text)}")


def test_only_its_owner_may_read_the_file(settings: Settings) -> None:
    text = page_key(settings, NOW)
    (file,) = [
        one
        for one in settings.home.rglob("*")
        if one.is_file() and text.encode() in one.read_bytes()
    ]
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_revoked_key_is_replaced(settings: Settings, store: ControlStore) -> None:
    text = page_key(settings, NOW)
    store.keys.revoke(key_id(text), NOW)
    assert page_key(settings, NOW) != text


def test_a_key_that_soon_ends_is_replaced(settings: Settings) -> None:
    text = page_key(settings, NOW)
    assert page_key(settings, NOW + timedelta(days=89)) != text


@pytest.mark.parametrize("content", ["", "nonsense", "ak_aaaaaaaaaaaa_bbbb"])
def test_a_file_that_holds_no_key_is_replaced(settings: Settings, content: str) -> None:
    file = settings.home / "run" / "page.key"
    file.parent.mkdir()
    file.write_text(content)
    assert page_key(settings, NOW) not in {"", content}
