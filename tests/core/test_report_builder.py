"""A report is built from its declaration and the facts found for it."""

from dataclasses import replace
from datetime import date

from analytics_platform.core.report_builder import (
    Origin,
    Period,
    Quality,
    Results,
    build_report,
    period_of,
)
from analytics_platform.core.report_sections import Answer
from tests.support.reports import RESULTS, SPEC, manifest, model, sample_report


def test_the_period_ends_with_the_data_and_the_one_before_adjoins_it() -> None:
    period = period_of(SPEC, date(2013, 10, 31))
    assert period == Period(date(2013, 10, 4), date(2013, 10, 31))
    assert period.before == Period(date(2013, 9, 6), date(2013, 10, 3))


def test_chapters_follow_results_models_quality() -> None:
    chapters = list(dict.fromkeys(part.chapter for part in sample_report().sections))
    assert chapters == ["Results", "Models", "Data quality"]


def test_headlines_compare_the_two_periods() -> None:
    orders, late = sample_report().headlines
    assert (orders.value, orders.previous) == (1241, 1000)
    assert late.news == "good"


def test_provenance_names_snapshot_hash_and_runs() -> None:
    provenance = sample_report().provenance
    assert provenance.snapshot == manifest().version
    assert provenance.manifest_sha256 == "cd" * 32
    assert [run for _, run in provenance.runs] == [
        "run-report",
        "run-publish",
        "run-train",
    ]


def test_no_data_at_all_still_makes_a_report() -> None:
    empty = Answer((), ())
    nothing = tuple(replace(answer, rows=()) for answer in RESULTS.sections)
    results = Results(nothing, empty, empty, None)
    origin = Origin(manifest(), "", "run")
    report = build_report(SPEC, results, Quality(), (), origin)
    assert report.period == "There is no data yet."
    assert [headline.value for headline in report.headlines] == [None, None]
    assert all(section.notes for section in report.sections)


def test_the_same_facts_give_the_same_report() -> None:
    assert sample_report() == sample_report()
    assert model() == model()
