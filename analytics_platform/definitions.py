"""Dagster's only entry point: what each concept defines, then the policy for all."""

from dataclasses import fields

import dagster as dg

from analytics_platform.adapters.clock_state import read_state
from analytics_platform.clock import parse_clock
from analytics_platform.defs import (
    automation,
    events,
    features,
    ingestion,
    lineage,
    parity,
    promotion,
    publishing,
    quality,
    reports,
    training,
    transformation,
)
from analytics_platform.defs.console import quiet_console
from analytics_platform.defs.policy import apply_policy
from analytics_platform.observability import configure_logging
from analytics_platform.resources import Resources, open_resources
from analytics_platform.settings import Settings, load_settings


def build_definitions(resources: Resources) -> dg.Definitions:
    """All assets, checks, jobs and sensors of the domain, over these resources."""
    domain = resources.domain
    manifest = resources.dbt.manifest()
    merged = dg.Definitions.merge(
        ingestion.build(domain),
        events.build(domain),
        transformation.build(domain, manifest),
        quality.build(domain),
        parity.build(domain),
        features.build(domain),
        training.build(domain),
        promotion.build(domain),
        publishing.build(domain),
        reports.build(domain),
        lineage.build(domain),
        automation.build(domain),
        dg.Definitions(
            resources={
                field.name: getattr(resources, field.name)
                for field in fields(resources)
            },
            executor=dg.in_process_executor,
            loggers={"console": quiet_console},
        ),
    )
    return apply_policy(merged, domain=domain, speed=_clock_speed(resources.settings))


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of the domain that the settings name."""
    settings = load_settings()
    configure_logging(format=settings.logs.format, level=settings.logs.level)
    return build_definitions(open_resources(settings))


def _clock_speed(settings: Settings) -> float:
    """How much faster than the wall the platform's time runs."""
    if settings.clock == "wall":
        return 1.0
    state = read_state(settings.home)
    spec = parse_clock(settings.clock) if settings.clock else None
    return state.speed if state else spec.speed if spec else 1.0
