"""A home whose flights were streamed: replayed, read by the sidecar, loaded back."""

import json
import shutil
import signal
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from analytics_platform.adapters.clock_state import start_replay
from analytics_platform.adapters.live_parity import Judgement, Subject, audit_parity
from analytics_platform.adapters.live_results import LiveResultReader, Span
from analytics_platform.clock import ReplaySpec
from analytics_platform.contracts.records import Verdict
from analytics_platform.domains.flights import DOMAIN
from analytics_platform.errors import NotFound
from analytics_platform.settings import ROOT
from streaming.windows.warming import warmed
from tests.support.commands import Commands
from tests.support.stream_homes import KERNELS

STREAM = DOMAIN.streams[0]
FIRST, DAYS = "2013-02-01", 28
AFTER = datetime(2013, 3, 5, tzinfo=UTC)  # when the platform's clock starts
_SPEED = 1  # so slow that no partition is idle, however long this machine takes
_EVER = Span(-(2**60), 2**60)
_NEARLY_ALL_MS = int(datetime(2013, 2, 28, 5, tzinfo=UTC).timestamp() * 1000)


def streaming_home(home: Commands, bootstrap: str) -> Commands:
    """The home, on a broker, at a time after what is replayed."""
    if not (kernels := home.folder / "kernels").exists():
        warmed(KERNELS)
        kernels.symlink_to(KERNELS)
    start_replay(home.folder, ReplaySpec(AFTER, _SPEED), datetime.now(UTC))
    variables = {
        "ANALYTICS_STREAMING__BROKERS": bootstrap,
        "ANALYTICS_STREAMING__GROUP": home.folder.parent.name,
    }
    return replace(home, variables={**home.variables, **variables})


def with_rule(home: Commands, old: str, new: str) -> Commands:
    """The home with a dbt project of its own, one text of its measures changed."""
    project = home.folder.parent / "project"
    ignored = shutil.ignore_patterns("target", "logs")
    shutil.copytree(ROOT / "dbt_project", project, ignore=ignored)
    measures = project / "models/semantics/flights.yml"
    assert measures.read_text().count(old) == 1
    measures.write_text(measures.read_text().replace(old, new))
    variables = {**home.variables, "ANALYTICS_DBT_PROJECT": str(project)}
    return replace(home, variables=variables)


def stream(home: Commands) -> None:
    """Let a sidecar read what there is, until it has emitted what can be compared."""
    with home.started("sidecar") as sidecar:
        sidecar.wait_for(lambda: _emitted_all(home))
        sidecar.process.send_signal(signal.SIGTERM)
        ended = sidecar.ended(60)
        assert ended.code == 0, ended.end


def verdicts(home: Commands) -> dict[str, Verdict]:
    """What the checks of the loaded events said last, by live window."""
    found = home.inside.resources().store.verdicts.latest(["raw/flight_events"])
    return {one.check.removeprefix("parity_"): one for one in found}


def judged(home: Commands, manifest: Mapping[str, Any]) -> dict[str, Judgement]:
    """The same comparison, as it is now and by the metrics of a manifest."""
    resources = home.inside.resources()
    subject = Subject(STREAM, DOMAIN.live_windows, manifest)
    found = audit_parity(resources.warehouse, _state(home), subject, now=AFTER)
    return {one.window: one for one in found}


def metrics(home: Commands) -> dict[str, Any]:
    """The semantic manifest that the home's marts were built by."""
    path = home.inside.resources().dbt.semantic_manifest_path
    read: dict[str, Any] = json.loads(path.read_bytes())
    return read


def figures(home: Commands, window: str, metric: str) -> dict[tuple[str, int], object]:
    """A metric of every standing window of full knowledge, by key and start.

    Windows with late events are left out: they lack those.
    """
    reader = LiveResultReader.open(_state(home))
    source = reader.source(window)
    results, late = reader.results(source, _EVER), reader.late(source, _EVER)
    missed = set(zip(late.keys, late.start_ms.tolist(), strict=True))
    names = zip(results.keys, results.start_ms.tolist(), strict=True)
    values = results.values[metric].values.tolist()
    reader.close()
    return {
        name: value
        for name, value in zip(names, values, strict=True)
        if name not in missed
    }


def _state(home: Commands) -> str:
    return f"sqlite:///{home.folder / 'stream.sqlite'}"


def _emitted_all(home: Commands) -> bool:
    reader = LiveResultReader.open(_state(home))
    try:
        ends = [
            reader.emitted_until(reader.source(window.name))
            for window in DOMAIN.live_windows
        ]
    except NotFound:
        return False
    finally:
        reader.close()
    return all(end is not None and end >= _NEARLY_ALL_MS for end in ends)
