"""`analytics materialize`: what it prints of errors, and how it ends."""

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.cli import materialization
from analytics_platform.cli.materialization import Request, carry_out
from analytics_platform.clock import FixedClock
from analytics_platform.errors import BlockedByCheck, PlatformError
from analytics_platform.settings import Settings
from tests.support.graphs import Knobs, definitions, verdict
from tests.support.quality_domain import orders_domain

MARCH = "2013-03-01"


@pytest.fixture
def knobs(tmp_path: Path) -> Knobs:
    url = f"sqlite:///{tmp_path}/control.sqlite"
    migrate(url)
    return Knobs(ControlStore.open(url))


@pytest.fixture(autouse=True)
def _platform(knobs: Knobs, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A platform of a few assets, in place of the one that the settings name."""
    resources = SimpleNamespace(
        store=knobs.store,
        domain=orders_domain(),
        clock=FixedClock(datetime(2014, 1, 1, tzinfo=UTC)),
    )
    with dg.DagsterInstance.ephemeral() as instance, monkeypatch.context() as patched:
        replaced = {
            "open_resources": lambda _settings: resources,
            "build_definitions": lambda _resources: definitions(knobs),
            "open_instance": lambda: nullcontext(instance),
        }
        for name, value in replaced.items():
            patched.setattr(materialization, name, value)
        yield


def materialize(tmp_path: Path, *, missing: bool = False) -> None:
    carry_out(Settings(home=tmp_path), Request(None, None, "*", missing=missing))


def row(printed: str, asset: str) -> list[str]:
    """The cells of an asset in the summary."""
    lines = [line for line in printed.splitlines() if f"│ {asset} " in line]
    assert len(lines) == 1, printed
    return [cell.strip() for cell in lines[0].strip("│").split("│")]


def test_a_broken_step_of_checks_ends_the_command_with_an_error(
    knobs: Knobs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    knobs.failing = {"checks_of_mart"}
    with pytest.raises(PlatformError) as raised:
        materialize(tmp_path)
    assert raised.value.exit_code == 1
    assert raised.value.message.splitlines() == [
        "1 step(s) of checks failed:",
        "  checks_of_mart: RuntimeError: checks_of_mart is broken",
        "    Nobody judged mart: what reads it was kept back.",
    ]
    log = Path(raised.value.hint.splitlines()[-1].strip())
    assert "RuntimeError: checks_of_mart is broken" in log.read_text()
    printed = capsys.readouterr().out
    assert "checks_of_mart failed: RuntimeError: checks_of_mart is broken" in printed
    assert row(printed, "mart")[1] == "12"
    assert "not judged" in row(printed, "mart")[3]
    assert row(printed, "model")[1:4] == ["0 of 1", "", "kept back"]


def test_a_broken_step_of_hints_is_an_error_that_keeps_nothing_back(
    knobs: Knobs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    knobs.failing = {"hints_on_mart"}
    with pytest.raises(PlatformError, match="no check blocks") as raised:
        materialize(tmp_path)
    assert raised.value.exit_code == 1
    assert row(capsys.readouterr().out, "model")[1] == "1"


def test_a_broken_asset_is_named_with_its_traceback(
    knobs: Knobs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    knobs.failing = {"mart"}
    with pytest.raises(PlatformError, match="mart: RuntimeError: mart is broken") as e:
        materialize(tmp_path)
    assert "raise RuntimeError" in Path(e.value.hint.split()[-1]).read_text()
    assert "mart failed: RuntimeError: mart is broken" in capsys.readouterr().out


def test_a_red_check_ends_the_command_blocked(knobs: Knobs, tmp_path: Path) -> None:
    knobs.red["raw"] = {MARCH}
    with pytest.raises(BlockedByCheck, match="raw: 2013-03-01"):
        materialize(tmp_path)


def test_what_an_old_red_check_keeps_back_is_no_success(
    knobs: Knobs, tmp_path: Path
) -> None:
    """The check is not of this command: nothing builds or judges that again."""
    materialize(tmp_path)
    knobs.store.verdicts.record([verdict("mart", MARCH, "elsewhere", passed=False)])
    settings = Settings(home=tmp_path)
    with pytest.raises(BlockedByCheck, match="red before: model"):
        carry_out(settings, Request(None, None, "key:model", missing=False))


def test_a_green_command_ends_well_and_leaves_nothing_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    materialize(tmp_path)
    assert "27 materializations" in capsys.readouterr().out
    materialize(tmp_path, missing=True)
    assert "Nothing is missing." in capsys.readouterr().out
