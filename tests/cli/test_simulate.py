"""`analytics simulate` as a user runs it."""

import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from streaming.windows.warming import warmed
from tests.support.stream_homes import KERNELS

WINDOW = {"type": "tumbling", "size_ms": 10}


def simulated(
    scenario: dict[str, Any] | str, path: Path, **variables: str
) -> "subprocess.CompletedProcess[str]":
    text = scenario if isinstance(scenario, str) else json.dumps(scenario)
    path.write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "analytics_platform.cli.main", "simulate", str(path)],
        capture_output=True,
        check=False,
        env=os.environ | variables,
        text=True,
    )


SCENARIO: dict[str, Any] = {
    "window": WINDOW,
    "stream": {"dedup_by_id": True},
    "flush_at_end": True,
    "events": [
        {"key": "a", "ts_ms": 3, "value": 2**53 + 1, "id": "x"},
        {"key": "a", "ts_ms": 3, "value": 2**53 + 1, "id": "x", "offset": 7},
        {"key": "b", "ts_ms": 4, "value": 0.5},
        {"key": "b", "ts_ms": 12},
        {"key": "a", "ts_ms": 9, "value": 1},
    ],
}


def test_lines_come_in_order_of_emission(tmp_path: Path) -> None:
    done = simulated(
        SCENARIO,
        tmp_path / "scenario.json",
    )
    assert done.stderr == ""
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {
            "kind": "dead_letter",
            "key": "a",
            "ts_ms": 3,
            "value": 2**53 + 1,
            "partition": 0,
            "offset": 7,
            "id": "x",
            "reason": "duplicate",
        },
        window("a", 0, 1, 2**53 + 1),
        window("b", 0, 1, 0.5),
        {
            "kind": "late",
            "key": "a",
            "ts_ms": 9,
            "value": 1,
            "reason": "window_closed",
        },
        window("b", 10, 1, 0),
        {
            "kind": "summary",
            "events": 5,
            "windows": 3,
            "late_dropped": 1,
            "late_window_updates_dropped": 1,
            "dead_letters": 1,
        },
    ]


@pytest.mark.parametrize(
    "scenario",
    [
        {"window": {"type": "tumbling", "size_ms": 0}},
        {"window": {"type": "weekly"}},
        {"window": {"type": "calendar_day", "timezone": "Nowhere"}},
        {"window": WINDOW, "surprise": 1},
        {"window": WINDOW, "events": [{"key": "a"}]},
        {"window": WINDOW, "events": [{"tick": True}]},
        {"window": WINDOW, "events": [{"ts_ms": 1.5}]},
        {"window": WINDOW, "events": [{"ts_ms": 1, "value": 2**64}]},
        {
            "window": WINDOW,
            "events": [{"ts_ms": 1, "partition": 3}],
            "stream": {"partitions": [0]},
        },
        "not json",
    ],
    ids=str,
)
def test_nonsense_ends_with_2_and_one_line(
    scenario: dict[str, Any] | str, tmp_path: Path
) -> None:
    done = simulated(scenario, tmp_path / "scenario.json")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


def test_many_events_are_counted_by_machine_code(tmp_path: Path) -> None:
    warmed(KERNELS)
    (tmp_path / "kernels").symlink_to(KERNELS)
    chance = random.Random(5)  # noqa: S311 - events to test with
    events: list[dict[str, Any]] = [
        {"key": chance.choice("abcd"), "ts_ms": n // 20, "value": chance.randrange(9)}
        for n in range(60_000)
    ]
    scenario = {"window": WINDOW, "flush_at_end": True, "events": events}
    path = tmp_path / "scenario.json"
    done = simulated(
        scenario, path, ANALYTICS_HOME=str(tmp_path), PYTHONPROFILEIMPORTTIME="1"
    )
    assert "| numba\n" in re.sub(r" +", " ", done.stderr)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    counts, sums = Counter[tuple[str, int]](), Counter[tuple[str, int]]()
    for one in events:
        name = (one["key"], one["ts_ms"] // 10 * 10)
        counts[name] += 1
        sums[name] += one["value"]
    found = {(one["key"], one["start_ms"]): one for one in lines[:-1]}
    assert {name: one["count"] for name, one in found.items()} == counts
    assert {name: one["sum"] for name, one in found.items()} == sums
    assert lines[-1]["events"] == 60_000


def test_a_simulation_imports_little() -> None:
    script = (
        "import sys; from analytics_platform.cli.main import application\n"
        "application(['simulate']); import streaming.simulation\n"
        "print({'numba', 'rich', 'pydantic', 'sqlalchemy'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=False, text=True
    )
    assert done.stdout.strip() == "set()", done.stderr


def window(key: str, start: int, count: int, total: float) -> dict[str, Any]:
    return {
        "kind": "window",
        "key": key,
        "start_ms": start,
        "end_ms": start + 10,
        "count": count,
        "sum": total,
        "revision": 0,
    }
