"""Whether sidecars that have ended did all of their work, once, wherever it is read."""

import json

from sqlalchemy import Table, select

from analytics_platform.adapters.control_store.engine import open_engine, reading
from analytics_platform.adapters.control_store.tables import (
    PREDICTIONS,
    STREAM_OUTPUTS,
)
from analytics_platform.contracts.messages import Prediction
from tests.domains import readings as domain
from tests.support.doubling_model import predicted
from tests.support.live_sidecar import LiveTopic
from tests.support.readings import Figures, Found, Name, Reading, expected


def differences(topic: LiveTopic, found: Found) -> list[str]:
    """What is not as it must be; `found` is what was committed.

    The reference is counted one by one from the topic's records.
    """
    logs: list[list[Reading]] = [[] for _ in topic.sent]
    for one in topic.records(topic.topic):
        logs[one.partition].append(Reading.of(one.partition, one.value or b""))
    wanted, predictions = expected(logs), _predictions(logs)
    holds = {
        "the topic": logs == topic.sent,
        "windows": found.windows == wanted.windows,
        "late events": found.late == wanted.late,
        "the topic of results": said_last(topic) == wanted.windows,
        "the prediction log": _logged(topic) == predictions,
        "the topic of predictions": _sent_predictions(topic) == predictions,
        "outputs that still wait": not outputs_wait(topic),
    }
    return [what for what, is_so in holds.items() if not is_so]


def outputs_wait(topic: LiveTopic) -> bool:
    """Whether some that were committed are to be sent by the next sidecar."""
    return bool(_rows(topic.state, STREAM_OUTPUTS))


def said_last(topic: LiveTopic) -> dict[Name, Figures]:
    """Each window's last revision in the topic of results, unless it was taken back.

    However often a revision was sent, it must say the same.
    """
    said: dict[Name, dict[int, bytes]] = {}
    gone: set[Name] = set()
    for one in topic.outputs():
        value = one.value or b""
        told = json.loads(value)
        name = (told["window"], told["key"], told["start_ms"], told["end_ms"])
        if told["kind"] == "retract":
            gone.add(name)
            continue
        before = said.setdefault(name, {}).setdefault(told["revision"], value)
        assert before == value, f"two values of {name}: {before!r} and {value!r}"
    last = {name: json.loads(some[max(some)]) for name, some in said.items()}
    return {
        name: tuple(told["metrics"][metric] for metric in domain.METRICS)
        for name, told in last.items()
        if name not in gone
    }


def _predictions(logs: list[list[Reading]]) -> list[Prediction]:
    made = [
        predicted(json.loads(one.value)["reading_id"], one.sensor, one.at, one.level)
        for log in logs
        for one in log
    ]
    return sorted(made, key=_id)


def _logged(topic: LiveTopic) -> list[Prediction]:
    rows = _rows(f"sqlite:///{topic.home / 'control.sqlite'}", PREDICTIONS)
    known = Prediction.model_fields
    made = [{name: row[name] for name in row if name in known} for row in rows]
    return sorted(map(Prediction.model_validate, made), key=_id)


def _sent_predictions(topic: LiveTopic) -> list[Prediction]:
    different = {one.value or b"" for one in topic.outputs("predictions")}
    return sorted(map(Prediction.model_validate_json, different), key=_id)


def _rows(url: str, table: Table) -> list[dict[str, object]]:
    engine = open_engine(url)
    with reading(engine) as connection:
        found = [dict(row) for row in connection.execute(select(table)).mappings()]
    engine.dispose()
    return found


def _id(one: Prediction) -> str:
    return one.prediction_id
