"""A model for streams of readings that says twice the level."""

from types import SimpleNamespace

from analytics_platform.contracts.messages import Prediction
from analytics_platform.contracts.streams import LivePrediction
from streaming.decoding import Columns

PREDICTION = LivePrediction(
    name="levels",
    description="Twice what was measured.",
    owner="team:sensors",
    model="levels",
    stream="readings",
    kind="measured",
    key="sensor",
)
_READ = ("reading_id", "sensor", "at", "level")


class DoublingModel:
    """Stands for a released model that never changes."""

    plan = SimpleNamespace(prediction=PREDICTION)
    kind = PREDICTION.kind
    fields = frozenset(_READ)

    def refresh(self) -> bool:
        """Nothing new."""
        return False

    def predict(self, events: Columns) -> list[Prediction]:
        """One prediction for each event."""
        rows = zip(*(events.items(name) for name in _READ), strict=True)
        return [predicted(*row) for row in rows]


def predicted(event_id: str, key: str, at_ms: int, level: float) -> Prediction:
    """What is predicted for an event."""
    return Prediction(
        prediction_id=f"{PREDICTION.name}-{event_id}",
        prediction=PREDICTION.name,
        model=PREDICTION.model,
        version="1",
        snapshot=None,
        event_id=event_id,
        key=key,
        event_ms=at_ms,
        value=2 * level,
        unit=None,
        features_sha256="",
    )
