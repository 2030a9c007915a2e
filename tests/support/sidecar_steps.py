"""Named steps of a sidecar's work, at which a test has its process die."""

import inspect
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from itertools import count
from typing import Any, Literal


@dataclass(frozen=True)
class Step:
    """Before or after a call of `name` in `module`; it takes place `most` times early.

    `by` is what leads to it: events that come, a rebalance, or a request to end.
    """

    module: str
    name: str
    moment: Literal["before", "after"]
    most: int = 1
    by: Literal["events", "rebalance", "ending"] = "events"


_STORE = "streaming.checkpoints.store"

STEPS = {
    "polled": Step("streaming.kafka", "EventConsumer.poll", "after", 40),
    "taken": Step("streaming.topic_work", "TopicWork.take", "after", 4),
    "cut": Step("streaming.topic_work", "TopicWork.cut", "after", 3),
    "committing": Step(_STORE, "CheckpointStore.commit", "before", 3),
    "written, not committed": Step(_STORE, "write_commit", "after", 3),
    "committed": Step(_STORE, "CheckpointStore.commit", "after", 3),
    "prediction logged": Step(
        "analytics_platform.adapters.prediction_log", "PredictionLog.append", "after", 3
    ),
    "predictions sent": Step("streaming.output", "Output.send", "after", 3),
    "results sent": Step("streaming.output", "Output.send_many", "after", 3),
    "outputs arrived": Step("streaming.output", "Output.flush", "after", 2),
    "pushing": Step("streaming.hub.hub", "Hub.publish_all", "before", 10),
    "claiming": Step(_STORE, "CheckpointStore.claim", "before"),
    "claimed": Step(_STORE, "CheckpointStore.claim", "after"),
    "restoring": Step(_STORE, "CheckpointStore.load", "after", 16),
    "assigned": Step("streaming.driver", "Driver.on_assign", "after"),
    "revoking": Step("streaming.driver", "Driver.on_revoke", "before", by="rebalance"),
    "releasing": Step(_STORE, "CheckpointStore.release", "before", by="rebalance"),
    "revoked": Step("streaming.driver", "Driver.on_revoke", "after", by="rebalance"),
    "leaving": Step("streaming.kafka", "EventConsumer.stop", "before", by="ending"),
    "forgetting": Step(
        _STORE, "CheckpointStore.forget_delivered", "before", by="ending"
    ),
}


@dataclass(frozen=True)
class Death:
    """The `number`th time that a step takes place in a process, it is killed (-9)."""

    step: str
    number: int

    def arrange(self) -> None:
        """From now on, in this process."""
        step = STEPS[self.step]
        *classes, name = step.name.split(".")
        holder: Any = import_module(step.module)
        for one in classes:
            holder = getattr(holder, one)
        passings = count(1)

        def pass_by() -> None:
            if next(passings) == self.number:
                os.kill(os.getpid(), signal.SIGKILL)

        setattr(holder, name, _around(getattr(holder, name), pass_by, step.moment))


def _around(
    inner: Callable[..., Any], pass_by: Callable[[], None], moment: str
) -> Callable[..., Any]:
    def before(*args: object, **named: object) -> Any:
        pass_by()
        return inner(*args, **named)

    def after(*args: object, **named: object) -> Any:
        found = inner(*args, **named)
        pass_by()
        return found

    async def afterwards(*args: object, **named: object) -> Any:
        found = await inner(*args, **named)
        pass_by()
        return found

    if moment == "before":
        return before
    return afterwards if inspect.iscoroutinefunction(inner) else after
