"""Definitions that make sense and those that do not."""

from typing import Any

import pytest

from analytics_platform.contracts.streams import WindowSpec
from analytics_platform.errors import InvalidUsage
from streaming.windows.definition import StreamRules, WindowDefinition

NONSENSE: list[tuple[dict[str, Any], str]] = [
    ({"type": "tumbling", "size_ms": 0}, "size_ms must be 1"),
    ({"type": "tumbling"}, "needs size_ms"),
    ({"type": "session", "gap_ms": -5}, "gap_ms must be 1"),
    ({"type": "session", "gap_ms": 5, "size_ms": 5}, "has no size_ms"),
    ({"type": "session", "gap_ms": 5, "offset_ms": 1}, "has no offset_ms"),
    ({"type": "hopping", "size_ms": 10, "slide_ms": 0}, "slide_ms must be 1"),
    ({"type": "hopping", "size_ms": 10, "slide_ms": 11}, "must not exceed size_ms"),
    ({"type": "tumbling", "size_ms": 10, "offset_ms": 10}, "smaller than size_ms"),
    ({"type": "tumbling", "size_ms": 10, "offset_ms": -10}, "smaller than size_ms"),
    (
        {"type": "hopping", "size_ms": 10, "slide_ms": 5, "offset_ms": 5},
        "smaller than slide_ms",
    ),
    (
        {"type": "tumbling", "size_ms": 10, "allowed_lateness_ms": -1},
        "allowed_lateness_ms must be 0",
    ),
    ({"type": "sliding_ish", "size_ms": 10}, "unknown type 'sliding_ish'"),
    ({"type": "calendar_day", "timezone": "Mars/Olympus"}, "unknown time zone"),
    ({"type": "calendar_day", "timezone": "../etc/passwd"}, "unknown time zone"),
    ({"type": "tumbling", "size_ms": 10, "timezone": "UTC"}, "has no timezone"),
]


@pytest.mark.parametrize(("fields", "problem"), NONSENSE)
def test_nonsense_is_refused_in_one_line(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidUsage, match=problem) as caught:
        WindowDefinition(**fields)
    assert "\n" not in caught.value.message
    assert caught.value.exit_code == 2


def test_the_fingerprint_changes_with_every_field() -> None:
    changed = [
        WindowDefinition("hopping", size_ms=10, slide_ms=5),
        WindowDefinition("hopping", size_ms=10, slide_ms=4),
        WindowDefinition("hopping", size_ms=12, slide_ms=5),
        WindowDefinition("hopping", size_ms=10, slide_ms=5, offset_ms=1),
        WindowDefinition("hopping", size_ms=10, slide_ms=5, allowed_lateness_ms=1),
        WindowDefinition("session", gap_ms=10),
        WindowDefinition("calendar_day"),
        WindowDefinition("calendar_day", timezone="Europe/Berlin"),
    ]
    assert len({one.fingerprint() for one in changed}) == len(changed)
    same = WindowDefinition("hopping", size_ms=10, slide_ms=5)
    assert changed[0].fingerprint() == same.fingerprint()


@pytest.mark.parametrize(
    "fields",
    [
        {"out_of_orderness_ms": -1},
        {"idle_timeout_ms": 0},
        {"max_future_drift_ms": -1},
    ],
)
def test_rules_that_make_no_sense_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidUsage):
        StreamRules(**fields)


def test_sliding_is_another_name_for_hopping() -> None:
    named = WindowDefinition("sliding", size_ms=10, slide_ms=5)
    assert named == WindowDefinition("hopping", size_ms=10, slide_ms=5)
    with pytest.raises(InvalidUsage, match="needs slide_ms"):
        WindowDefinition("sliding", size_ms=10)
    assert WindowSpec(type="sliding").type == "hopping"
