"""Builds the neutral report value from a declaration and the facts found for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from analytics_platform.contracts.domain import ReportSpec
from analytics_platform.contracts.records import (
    QuarantineEntry,
    SnapshotManifest,
    Verdict,
)
from analytics_platform.core.profiles import Change
from analytics_platform.core.report_models import ModelFacts, model_sections
from analytics_platform.core.report_quality import (
    badge_of,
    badge_text,
    quality_sections,
)
from analytics_platform.core.report_sections import Answer, field_of, section_of
from analytics_platform.core.reports import (
    Headline,
    Provenance,
    Report,
    Section,
    day_text,
)

CHAPTER = "Results"


@dataclass(frozen=True)
class Period:
    """Days from `first` to `last`, both included."""

    first: date
    last: date

    @property
    def before(self) -> "Period":
        """The period of the same length that ends the day before."""
        length = self.last - self.first + timedelta(days=1)
        return Period(self.first - length, self.first - timedelta(days=1))


@dataclass(frozen=True)
class Results:
    """The answers to a report's questions: one per section, and the headlines.

    `headlines` and `headlines_before` each hold at most one row.
    """

    sections: tuple[Answer, ...]
    headlines: Answer
    headlines_before: Answer
    data_date: date | None


@dataclass(frozen=True)
class Quality:
    """What is known of the data's quality; `changes` of profiles are by asset."""

    verdicts: Sequence[Verdict] = ()
    changes: Mapping[str, Sequence[Change]] = field(default_factory=dict)
    quarantine: Sequence[QuarantineEntry] = ()


@dataclass(frozen=True)
class Origin:
    """The snapshot that was asked, its manifest's hash, and the run that asked."""

    manifest: SnapshotManifest
    manifest_sha256: str
    run_id: str


def period_of(spec: ReportSpec, data_date: date) -> Period:
    """The last days of data, as many as the declaration says."""
    return Period(data_date - spec.period + timedelta(days=1), data_date)


def build_report(
    spec: ReportSpec,
    results: Results,
    quality: Quality,
    models: tuple[ModelFacts, ...],
    origin: Origin,
) -> Report:
    """The report that the declaration asks for, with models and quality added."""
    return Report(
        name=spec.name,
        title=spec.title,
        description=spec.description,
        as_of=origin.manifest.as_of,
        data_date=results.data_date,
        badge=badge_of(quality.verdicts),
        badge_text=badge_text(quality.verdicts),
        period=_period_text(spec, results.data_date),
        headlines=_headlines(spec, results),
        sections=(
            *_sections(spec, results),
            *model_sections(models),
            *quality_sections(quality.verdicts, quality.changes, quality.quarantine),
        ),
        provenance=_provenance(origin, models),
    )


def _sections(spec: ReportSpec, results: Results) -> list[Section]:
    fields = {field.name: field for field in spec.fields}
    return [
        section_of(CHAPTER, declared, answer, fields)
        for declared, answer in zip(spec.sections, results.sections, strict=True)
    ]


def _headlines(spec: ReportSpec, results: Results) -> tuple[Headline, ...]:
    fields = {field.name: field for field in spec.fields}
    now, before = _first_row(results.headlines), _first_row(results.headlines_before)
    return tuple(
        Headline(
            field_of(name, fields, results.headlines.lineage.get(name)),
            now.get(name),
            before.get(name),
        )
        for name in spec.headlines
    )


def _first_row(answer: Answer) -> dict[str, float | None]:
    values = answer.rows[0] if answer.rows else ()
    return {
        name: float(value) if isinstance(value, int | float) else None
        for name, value in zip(answer.columns, values, strict=False)
    }


def _period_text(spec: ReportSpec, data_date: date | None) -> str:
    if data_date is None:
        return "There is no data yet."
    period = period_of(spec, data_date)
    return (
        f"{day_text(period.first)} to {day_text(period.last)}, compared with the "
        f"{spec.period.days} days before."
    )


def _provenance(origin: Origin, models: tuple[ModelFacts, ...]) -> Provenance:
    runs = [
        ("Run that wrote this report", origin.run_id),
        ("Run that published the snapshot", origin.manifest.run_id),
        *(
            (f"Run that trained {model.manifest.name}", model.manifest.run_id)
            for model in models
        ),
    ]
    return Provenance(origin.manifest.version, origin.manifest_sha256, tuple(runs))
