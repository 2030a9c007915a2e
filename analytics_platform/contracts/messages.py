"""The messages that streaming sends on: to subscribers, output topics and the log.

Each is one JSON object; its `kind` says which of these it is. Instants are whole
milliseconds since 1970 in UTC. A metric without a value is null. The same result sent
again, after a crash, is equal in every field.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class Message(BaseModel):
    """Base of all messages: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class WindowResult(Message):
    """One key's closed window [start, end): its metrics and how many events it has.

    `{"kind": "window", "window": "orders_15m", "key": "Bonn", "start_ms":
    1383310800000, "end_ms": 1383311700000, "count": 12, "metrics": {"orders": 12,
    "mean_departure_delay_minutes": 3.5}, "revision": 0}`. A late event that still
    counts gives the same window again, with the next revision; the last one is right.
    """

    kind: Literal["window"] = "window"
    window: str
    key: str
    start_ms: int
    end_ms: int
    count: int
    metrics: dict[str, int | float | None]
    revision: int = Field(ge=0)


class Retraction(Message):
    """A window sent before that is none any more: it became part of another session."""

    kind: Literal["retract"] = "retract"
    window: str
    key: str
    start_ms: int
    end_ms: int


class LateEvent(Message):
    """An event too late for its window, or for some of them (`missed_windows`).

    `reached_none` is true if it counts nowhere.
    """

    kind: Literal["late"] = "late"
    window: str
    key: str
    event_id: str
    ts_ms: int
    topic: str
    partition: int
    offset: int
    missed_windows: int = Field(ge=1)
    reached_none: bool
    reason: str


class DeadLetter(Message):
    """A record that could not be used; the topic of dead letters has its bytes too.

    `error` is the class of the fault: empty, oversized, undecodable, schema_invalid,
    too_far_in_future, timestamp_out_of_range, duplicate, handler_error. `window` is the
    live window that refused it, if one did; `prediction` the live prediction that could
    not be made of it, which is then all that is missing: it counts in its windows.
    """

    kind: Literal["dead_letter"] = "dead_letter"
    topic: str
    partition: int
    offset: int
    error: str
    message: str
    window: str | None = None
    prediction: str | None = None


class Prediction(Message):
    """What a released model says of one event.

    `prediction_id` is equal for the same prediction of the same event by the same
    version, however often it is made. `features_sha256` identifies the model's inputs,
    `snapshot` the published version from which features were looked up.
    """

    kind: Literal["prediction"] = "prediction"
    prediction_id: str
    prediction: str
    model: str
    version: str
    snapshot: str | None
    event_id: str
    key: str
    event_ms: int
    value: float
    unit: str | None
    features_sha256: str


AnyMessage = Annotated[
    WindowResult | Retraction | LateEvent | DeadLetter | Prediction,
    Field(discriminator="kind"),
]
MESSAGES: TypeAdapter[AnyMessage] = TypeAdapter(AnyMessage)
