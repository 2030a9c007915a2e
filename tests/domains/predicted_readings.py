"""The readings, and a model that is asked about each: its one input is the level."""

from analytics_platform.contracts.streams import LivePrediction
from tests.domains import readings
from tests.domains.toy import DOMAIN as TOY

PREDICTION = LivePrediction(
    name="levels",
    description="What comes of the level that was measured.",
    owner="team:sensors",
    model="levels",
    stream=readings.STREAM.name,
    kind="measured",
    key="sensor",
)
_MODEL = TOY.models[0].model_copy(
    update={"name": PREDICTION.model, "target": "level", "views": ()}
)
_SPINE = TOY.spine.model_copy(
    update={"cutoff": "at", "columns": ("level",), "categorical": ()}
)

DOMAIN = readings.DOMAIN.model_copy(
    update={
        "models": (_MODEL,),
        "spine": _SPINE,
        "live_predictions": (PREDICTION,),
    }
)
