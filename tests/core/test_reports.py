"""Figures are written once, and the same way by every renderer."""

import pytest

from analytics_platform.contracts.records import Scalar
from analytics_platform.core.reports import (
    Field,
    Headline,
    Style,
    change_text,
    columns_behind,
    to_plain,
    written,
)
from tests.support.reports import sample_report

COUNT = Field("n", "Count", Style.INTEGER, better="higher")
SHARE = Field("s", "Share", Style.PERCENT, decimals=1, better="lower")
DELAY = Field("d", "Delay", Style.NUMBER, "min", 1, better="lower")


@pytest.mark.parametrize(
    ("value", "field", "expected"),
    [
        (1234567, COUNT, "1,234,567"),
        (0.2449, SHARE, "24.5\u00a0%"),
        (-3.04, DELAY, "\u22123.0"),
        (-0.04, DELAY, "0.0"),
        (None, DELAY, "\u2013"),
        (float("nan"), DELAY, "\u2013"),
        ("2013-10-05", Field("t", "Day", Style.DATE), "5 Oct 2013"),
        (
            "2013-10-05T06:07:00+00:00",
            Field("t", "At", Style.INSTANT),
            "5 Oct 2013, 06:07 UTC",
        ),
        (True, Field("b", "Flag"), "yes"),
        (1, Field("w", "Weekday", labels=(("1", "Mon"),)), "Mon"),
    ],
)
def test_values_are_written_in_their_style(
    value: Scalar, field: Field, expected: str
) -> None:
    assert written(value, field) == expected


def test_a_figure_on_its_own_carries_its_unit() -> None:
    assert written(3.0, DELAY, unit=True) == "3.0\u00a0min"


@pytest.mark.parametrize(
    ("headline", "text", "news"),
    [
        (Headline(SHARE, 0.20, 0.25), "\u22125.0\u00a0pp", "good"),
        (Headline(SHARE, 0.25, 0.20), "+5.0\u00a0pp", "bad"),
        (Headline(COUNT, 110, 100), "+10.0\u00a0%", "good"),
        (Headline(DELAY, 3.0, 3.01), "unchanged", "neutral"),
        (Headline(DELAY, 3.0, None), "no earlier period", "neutral"),
        (Headline(Field("x", "X", Style.NUMBER), 3, 1), "+2.0", "neutral"),
    ],
)
def test_a_change_is_signed_and_judged(
    headline: Headline, text: str, news: str
) -> None:
    assert (change_text(headline), headline.news) == (text, news)


def test_a_heading_names_the_unit_but_not_for_shares() -> None:
    assert (DELAY.heading, SHARE.heading) == ("Delay (min)", "Share")


def test_columns_behind_lists_every_column_of_every_section() -> None:
    behind = columns_behind(sample_report())
    assert behind["over-time.late_share"] == ("marts/orders.minutes",)
    assert behind["shops-co.shop"] == ("marts/shops.name",)
    assert "headline.orders" in behind


def test_plain_values_hold_no_python_objects() -> None:
    import json

    plain = to_plain(sample_report())
    assert json.loads(json.dumps(plain))["badge"] == "warning"
