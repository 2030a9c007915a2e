"""The engine gives what the definition of its windows says, line by line."""

import json
from typing import Any

from hypothesis import given, settings

from streaming.scenario import parse_scenario
from streaming.simulation import simulate
from streaming.windows.compilation import Kernels
from tests.support.window_oracle import expected_lines
from tests.support.window_scenarios import days, scenarios


def lines_of(scenario: dict[str, Any], kernels: Kernels) -> list[dict[str, Any]]:
    body = json.dumps(scenario).encode()
    return list(simulate(parse_scenario(body), kernels))


@given(scenarios())
@settings(max_examples=400, deadline=None)
def test_every_line_is_as_defined(kernels: Kernels, scenario: dict[str, Any]) -> None:
    assert lines_of(scenario, kernels) == expected_lines(scenario)


@given(days())
@settings(max_examples=60, deadline=None)
def test_calendar_days_are_as_defined(
    kernels: Kernels, scenario: dict[str, Any]
) -> None:
    assert lines_of(scenario, kernels) == expected_lines(scenario)
