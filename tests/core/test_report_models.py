"""The model chapter shows scores beside baselines, and the champion's history."""

from dataclasses import replace

from analytics_platform.core.report_models import model_sections
from tests.support.reports import model


def test_without_a_model_the_chapter_says_so() -> None:
    (section,) = model_sections(())
    assert section.notes == ("No model is released yet, so there is nothing to judge.",)


def test_scores_stand_beside_those_of_the_baselines() -> None:
    scores, _, _ = model_sections((model(),))
    assert scores.table is not None
    assert scores.table.rows == (("mean", "RMSE", 4.25, 5.5, 1.25, 1.0, 1.5),)
    assert [chart.kind for chart in scores.charts] == ["points", "bar"]
    assert scores.charts[0].diagonal


def test_slices_and_history_are_tables() -> None:
    _, slices, history = model_sections((model(),))
    assert slices.table is not None
    assert slices.table.rows == (("shop", "North", 600, 4.0),)
    assert history.table is not None
    assert history.table.values("version") == ("v1",)
    assert history.table.values("figures") == ("loss 4.25",)
    assert history.table.values("reasons") == ("better beyond doubt",)


def test_a_model_without_slices_or_decisions_says_so() -> None:
    evaluation = model().evaluation.model_copy(
        update={"slices": (), "calibration": (), "contributions": ()}
    )
    bare = replace(model(), evaluation=evaluation, decisions=())
    scores, slices, history = model_sections((bare,))
    assert scores.charts == ()
    assert slices.notes
    assert history.notes


def test_every_column_traces_to_the_release() -> None:
    for section in model_sections((model(),))[:2]:
        assert section.table is not None
        for field in section.table.fields:
            assert field.lineage == ("releases/wait.metrics",)
