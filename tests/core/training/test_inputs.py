"""Inputs are what is declared, and a leak is found by name, ancestry and strength."""

import numpy as np
import pytest

from analytics_platform.core.training.checks import suspicious_inputs
from analytics_platform.core.training.inputs import leaking_inputs, model_inputs
from analytics_platform.errors import InvalidUsage
from tests.support.model_domain import DELAY, DOMAIN, VIEW


def test_inputs_are_the_spines_columns_and_then_the_views_features() -> None:
    names = [one.name for one in model_inputs(DELAY, DOMAIN)]
    assert names == ["shop", "hour", "weight", "shop_history__mean_delay"]


def test_an_undeclared_view_is_named() -> None:
    lost = DELAY.model_copy(update={"views": ("weather",)})
    with pytest.raises(InvalidUsage, match="weather"):
        model_inputs(lost, DOMAIN)


def test_an_honest_domain_has_no_leak() -> None:
    assert leaking_inputs(DELAY, DOMAIN) == ()


def test_a_leaking_spine_column_is_named() -> None:
    spine = DOMAIN.spine.model_copy(update={"columns": ("shop", "shipped_late")})
    domain = DOMAIN.model_copy(update={"spine": spine})
    assert leaking_inputs(DELAY, domain) == ("shipped_late (from shipped_late)",)


def test_a_column_computed_from_a_leak_is_named() -> None:
    ancestors = {"weight": ("gross", "delay_minutes"), "hour": ("due_utc",)}
    assert leaking_inputs(DELAY, DOMAIN, ancestors) == ("weight (from delay_minutes)",)


def test_a_view_looked_up_by_the_outcome_is_named() -> None:
    view = VIEW.model_copy(update={"spine_entity": ("shipped_late",)})
    domain = DOMAIN.model_copy(update={"feature_views": (view,)})
    assert leaking_inputs(DELAY, domain) == (
        "shop_history (looked up by shipped_late)",
    )


@pytest.mark.parametrize("binary", [False, True])
def test_an_input_that_is_almost_the_outcome_is_suspicious(*, binary: bool) -> None:
    chance = np.random.default_rng(0)
    outcome = chance.normal(size=4000)
    honest, outcome_again = outcome + chance.normal(0, 2, 4000), outcome.copy()
    outcome_again[::3] = np.nan
    inputs = np.stack([honest, outcome_again, np.ones(4000)], axis=1).astype(np.float32)
    target = (outcome > 1).astype(float) if binary else outcome
    (found,) = suspicious_inputs(("honest", "leak", "constant"), inputs, target)
    assert found.startswith("leak (")
