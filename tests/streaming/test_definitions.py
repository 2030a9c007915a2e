"""Live windows bound to their stream: slots, engine settings, what is refused."""

from datetime import timedelta
from typing import Any

import pytest

from analytics_platform.contracts.streams import LiveWindow, StreamOrder, WindowSpec
from analytics_platform.core.live_metrics import BatchOnlyMetric
from analytics_platform.domains.flights import DOMAIN
from analytics_platform.errors import InvalidUsage, NotFound
from streaming.definitions import CompiledWindow, compile_window, compile_windows
from tests.domains.toy import DOMAIN as TOY
from tests.domains.toy.streams import RIDES
from tests.support.semantic_yaml import FLIGHTS, manifest_of
from tests.support.semantic_yaml import TOY as TOY_YAML

HOUR = timedelta(hours=1)


def window(**changes: Any) -> LiveWindow:
    fields = {
        "name": "returns",
        "description": "",
        "owner": "team:bikes",
        "stream": "rides",
        "kind": "returned",
        "key": "station_code",
        "metrics": ("returned_rentals",),
        "window": WindowSpec(type="tumbling", size=HOUR),
        "event_time": "returned_at_utc",
    }
    return LiveWindow(**{**fields, **changes})


def compiled(**changes: Any) -> CompiledWindow:
    return compile_window(window(**changes), RIDES, manifest_of(TOY_YAML))


def test_both_domains_compile() -> None:
    assert len(compile_windows(TOY, manifest_of(TOY_YAML))) == len(TOY.live_windows)
    assert len(compile_windows(DOMAIN, manifest_of(FLIGHTS))) >= 4


def test_the_reference_domain_has_every_type_of_window_by_both_keys() -> None:
    found = compile_windows(DOMAIN, manifest_of(FLIGHTS))
    types = {one.definition.type for one in found}
    assert types == {"tumbling", "hopping", "session", "calendar_day"}
    assert {one.topic.name for one in found} == {
        t.name for t in DOMAIN.streams[0].topics
    }


def test_figures_of_one_expression_share_a_slot() -> None:
    one = compiled(metrics=("returned_rentals", "mean_duration_minutes"))
    assert [slot.text for slot in one.slots] == ["integer of duration_minutes"]


def test_counting_events_needs_no_slot() -> None:
    one = compiled(metrics=("rentals",))
    assert one.slots == ()
    assert one.fields == {"station_code"}


def test_counting_a_field_that_may_be_null_marks_where_it_is() -> None:
    one = compiled()
    assert [slot.text for slot in one.slots] == ["presence of duration_minutes"]


def test_lengths_become_milliseconds() -> None:
    one = compiled(
        window=WindowSpec(
            type="hopping",
            size=HOUR,
            slide=timedelta(minutes=10),
            offset=timedelta(minutes=1),
            allowed_lateness=timedelta(minutes=2),
        ),
        order=StreamOrder(
            out_of_orderness=timedelta(seconds=3),
            idle_timeout=None,
            max_future_drift=timedelta(days=1),
        ),
    )
    definition, rules = one.definition, one.rules
    assert (definition.size_ms, definition.slide_ms) == (3_600_000, 600_000)
    assert (definition.offset_ms, definition.allowed_lateness_ms) == (60_000, 120_000)
    assert (rules.out_of_orderness_ms, rules.idle_timeout_ms) == (3_000, None)
    assert rules.max_future_drift_ms == 86_400_000


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kind": "stolen"}, "the kind 'stolen'"),
        ({"key": "rider_kind"}, "a topic keyed by 'rider_kind'"),
        ({"window": WindowSpec(type="tumbling")}, "needs size_ms"),
        (
            {"window": WindowSpec(type="tumbling", size=timedelta(microseconds=1500))},
            "no whole number of milliseconds",
        ),
    ],
)
def test_a_window_that_makes_no_sense_is_refused(
    changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(InvalidUsage, match=says):
        compiled(**changes)


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(NotFound, match="no metric 'sales'"):
        compiled(metrics=("sales",))


def test_a_metric_of_a_field_that_events_lack_is_refused_by_name() -> None:
    changed = manifest_of(
        TOY_YAML, ("agg: average, expr: duration_minutes}", "agg: average, expr: fee}")
    )
    with pytest.raises(BatchOnlyMetric, match="rides have no field fee") as refused:
        compile_window(window(metrics=("mean_duration_minutes",)), RIDES, changed)
    assert refused.value.metric == "mean_duration_minutes"


def test_a_metric_that_needs_a_number_of_a_text_is_refused() -> None:
    changed = manifest_of(TOY_YAML, ("duration_minutes > 40", "rider_kind > 40"))
    with pytest.raises(BatchOnlyMetric, match="rider_kind is string, a number"):
        compile_window(window(metrics=("overdue_rentals",)), RIDES, changed)


def test_a_metric_of_another_relation_is_refused() -> None:
    changed = manifest_of(TOY_YAML, ("ref('fct_rentals')", "ref('fct_other')"))
    with pytest.raises(BatchOnlyMetric, match="fct_other, the events are of"):
        compile_window(window(), RIDES, changed)


@pytest.mark.parametrize(
    "changes",
    [
        {"metrics": ("overdue_share",)},
        {"window": WindowSpec(type="tumbling", size=2 * HOUR)},
        {"order": StreamOrder(out_of_orderness=HOUR)},
        {"kind": "rented"},
    ],
)
def test_state_of_another_definition_is_not_used(changes: dict[str, Any]) -> None:
    assert compiled(**changes).fingerprint != compiled().fingerprint


def test_a_changed_rule_has_its_own_state_and_a_changed_name_has_not() -> None:
    rule = ("duration_minutes > 40", "duration_minutes > 50")
    late = window(metrics=("overdue_share",))
    before = compile_window(late, RIDES, manifest_of(TOY_YAML)).fingerprint
    assert (
        compile_window(late, RIDES, manifest_of(TOY_YAML, rule)).fingerprint != before
    )
    renamed = late.model_copy(update={"description": "Other words.", "owner": "x"})
    assert compile_window(renamed, RIDES, manifest_of(TOY_YAML)).fingerprint == before
