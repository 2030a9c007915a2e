"""The model chapter of a report: how good the released models are, and since when."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from analytics_platform.contracts.evaluation import Comparison, Evaluation
from analytics_platform.contracts.records import LedgerEntry, ModelManifest, Scalar
from analytics_platform.core.report_quality import recorded
from analytics_platform.core.report_sections import describe
from analytics_platform.core.reports import (
    Chart,
    Field,
    Section,
    Style,
    day_text,
    table_of,
)

CHAPTER = "Models"
_SHOWN_INPUTS = 12
_SHOWN_SLICES = 16
_BOUNDS = ("_low", "_high")
_IN_TARGET_UNIT = frozenset({"mae", "rmse", "bias", "median_absolute_error"})
_INITIALS = frozenset({"mae", "rmse", "auc", "ece"})


@dataclass(frozen=True)
class ModelFacts:
    """A released model, its quality on the holdout, and its rows of the ledger."""

    manifest: ModelManifest
    title: str
    description: str
    evaluation: Evaluation
    decisions: tuple[LedgerEntry, ...] = ()


def model_sections(models: Sequence[ModelFacts]) -> tuple[Section, ...]:
    """Per model its scores, slices and history; a note where no model is released."""
    if not models:
        note = "No model is released yet, so there is nothing to judge."
        title = "Released models"
        return (Section(CHAPTER, "released-models", title, "", notes=(note,)),)
    return tuple(
        section
        for model in models
        for section in (_scores(model), _slices(model), _history(model))
    )


def _scores(model: ModelFacts) -> Section:
    manifest, evaluation = model.manifest, model.evaluation
    holdout = (
        f"{day_text(evaluation.holdout_from.date())} to "
        f"{day_text(evaluation.holdout_to.date())}"
    )
    return Section(
        chapter=CHAPTER,
        anchor=f"model-{manifest.name}",
        title=model.title,
        text=f"{model.description} Version {manifest.version}, trained on "
        f"{manifest.rows:,} rows through {day_text(manifest.trained_through.date())}, "
        f"judged on {evaluation.rows:,} rows it has not seen, {holdout}. The gain is "
        "the other's loss less the model's, with its 95 % interval: where all of it is "
        "above zero, the model is better beyond doubt.",
        charts=(*_calibration(model), *_contributions(model)),
        table=table_of(
            _score_fields(model), [_comparison(c) for c in evaluation.comparisons]
        ),
    )


def _score_fields(model: ModelFacts) -> tuple[Field, ...]:
    unit, lineage = model.evaluation.unit, _lineage(model)
    return (
        Field("other", "Compared with", lineage=lineage),
        Field("metric", "Metric", lineage=lineage),
        *(
            Field(name, title, Style.NUMBER, unit, 2 if unit else 3, lineage=lineage)
            for name, title in (
                ("loss", "Model"),
                ("other_loss", "The other"),
                ("gain", "Gain"),
                ("low", "At least"),
                ("high", "At most"),
            )
        ),
    )


def _comparison(one: Comparison) -> tuple[Scalar, ...]:
    gain = one.gain
    metric = _metric_title(one.metric)
    return (
        one.other,
        metric,
        one.loss,
        one.other_loss,
        gain.estimate,
        gain.low,
        gain.high,
    )


def _calibration(model: ModelFacts) -> tuple[Chart, ...]:
    is_chance = model.evaluation.task == "classification"
    style = Style.PERCENT if is_chance else Style.NUMBER
    unit, lineage = model.evaluation.unit, _lineage(model)
    fields = (
        Field("predicted", "Mean predicted", style, unit, lineage=lineage),
        Field("observed", "Mean observed", style, unit, lineage=lineage),
        Field("rows", "Rows", Style.INTEGER, lineage=lineage),
    )
    bins = model.evaluation.calibration
    data = table_of(fields, [(one.predicted, one.observed, one.rows) for one in bins])
    title = "Calibration (dashed: predicted equals observed)"
    chart = Chart("points", title, data, "predicted", "observed", diagonal=True)
    return (replace(chart, description=describe(chart)),) if bins else ()


def _contributions(model: ModelFacts) -> tuple[Chart, ...]:
    lineage = _lineage(model)
    fields = (
        Field("input", "Input", lineage=lineage),
        Field("share", "Share of all contributions", Style.PERCENT, lineage=lineage),
    )
    largest = sorted(model.evaluation.contributions, key=lambda one: -one.share)
    shown = largest[:_SHOWN_INPUTS]
    data = table_of(fields, [(one.input, one.share) for one in shown])
    chart = Chart("bar", "What the predictions rest on", data, "input", "share")
    return (replace(chart, description=describe(chart)),) if shown else ()


def _slices(model: ModelFacts) -> Section:
    parts = model.evaluation.slices
    names = sorted({name for part in parts for name in part.metrics})
    lineage = _lineage(model)
    fields = (
        Field("column", "Slice by", lineage=lineage),
        Field("value", "Value", lineage=lineage),
        Field("rows", "Rows", Style.INTEGER, lineage=lineage),
        *(_metric(name, model) for name in names),
    )
    rows = [
        (
            part.column.replace("_", " "),
            part.value,
            part.rows,
            *map(part.metrics.get, names),
        )
        for part in sorted(parts, key=lambda part: (part.column, -part.rows))
    ]
    return Section(
        chapter=CHAPTER,
        anchor=f"slices-{model.manifest.name}",
        title=f"{model.title}: slices",
        text="The same metrics on parts of the holdout that are large enough to judge.",
        charts=tuple(_slice_charts(model)),
        table=table_of(fields, rows) if rows else None,
        notes=() if rows else ("No part of the holdout is large enough to judge.",),
    )


def _slice_charts(model: ModelFacts) -> Iterator[Chart]:
    """One chart of the primary metric per column, its largest slices first."""
    name = model.evaluation.metric
    shown = _metric(name, model)
    parts = sorted(model.evaluation.slices, key=lambda part: -part.rows)
    for column in dict.fromkeys(part.column for part in parts):
        title = column.replace("_", " ")
        rows = [(p.value, p.metrics.get(name)) for p in parts if p.column == column]
        fields = (Field("value", title.capitalize(), lineage=_lineage(model)), shown)
        data = table_of(fields, rows[:_SHOWN_SLICES])
        chart = Chart("bar", f"{shown.heading} by {title}", data, "value", name)
        yield replace(chart, description=describe(chart))


def _history(model: ModelFacts) -> Section:
    details = recorded("ledger", "details")
    fields = (
        Field("at", "When", Style.INSTANT, lineage=recorded("ledger", "at")),
        Field("action", "Decision", lineage=recorded("ledger", "action")),
        Field("actor", "By", lineage=recorded("ledger", "actor")),
        Field("version", "Version", lineage=details),
        Field("figures", "Figures", lineage=details),
        Field("reasons", "Reasons", lineage=details),
    )
    rows = [
        _decision(entry)
        for entry in sorted(model.decisions, key=lambda entry: -entry.sequence)
    ]
    return Section(
        chapter=CHAPTER,
        anchor=f"history-{model.manifest.name}",
        title=f"{model.title}: champion history",
        text="Every decision about this model, the latest first, from the ledger.",
        table=table_of(fields, rows) if rows else None,
        notes=() if rows else ("The ledger has no decision about this model.",),
    )


def _decision(entry: LedgerEntry) -> tuple[Scalar, ...]:
    version = entry.details.get("version", entry.details.get("to", ""))
    reasons = entry.details.get("reasons")
    told = [str(reason) for reason in reasons] if isinstance(reasons, list) else []
    return (
        entry.at.isoformat(),
        entry.action,
        entry.actor,
        str(version),
        _figures(entry.details),
        "; ".join(told) or "nothing spoke against it",
    )


def _metric(name: str, model: ModelFacts) -> Field:
    unit = model.evaluation.unit if name in _IN_TARGET_UNIT else None
    title = _metric_title(name)
    decimals = 2 if unit else 3
    return Field(name, title, Style.NUMBER, unit, decimals, lineage=_lineage(model))


def _metric_title(name: str) -> str:
    words = name.replace("_", " ")
    return words.upper() if name in _INITIALS else words.capitalize()


def _lineage(model: ModelFacts) -> tuple[str, ...]:
    return (f"releases/{model.manifest.name}.metrics",)


def _figures(details: dict[str, object]) -> str:
    """The plain figures among a decision's details, as `name value, name value`."""
    return ", ".join(
        f"{name.replace('_', ' ')} {value:.4g}"
        for name, value in sorted(details.items())
        if isinstance(value, float) and not name.endswith(_BOUNDS)
    )
