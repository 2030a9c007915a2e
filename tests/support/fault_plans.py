"""What befalls the sidecars of one seed, drawn before it begins."""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tests.support.sidecar_steps import STEPS, Death


class Fault(StrEnum):
    """Kinds of faults."""

    KILL = "kill"
    STEP = "kill at a step"
    BROKER_KILL = "broker killed"
    BROKER_STOP = "broker restarted"
    MEMBERS = "members come and go"
    ZOMBIE = "zombie"


# Which fault each seed has besides a kill at a step, in turn, and one more by chance.
_TURNS = (
    Fault.KILL,
    Fault.ZOMBIE,
    Fault.MEMBERS,
    Fault.BROKER_KILL,
    Fault.MEMBERS,
    Fault.ZOMBIE,
    Fault.BROKER_STOP,
)
_BY_CHANCE = (Fault.KILL, Fault.STEP, Fault.MEMBERS, Fault.ZOMBIE)
_STATIC_SHARE = 0.3
_MEMBERS = (2, 3)


@dataclass(frozen=True)
class Act:
    """One fault, the seconds of work before it, and who it befalls or where.

    `members` is how many there are for it; `death` where a killed one dies.
    """

    fault: Fault
    seconds: float
    members: int = 1
    death: Death | None = None

    def __str__(self) -> str:
        if self.death:
            return f"dies at “{self.death.step}” {self.death.number}"
        several = f" of {self.members}" if self.members > 1 else ""
        return f"{self.fault}{several}"


@dataclass(frozen=True)
class Plan:
    """The acts of a seed, in order; `is_static`: whether members have names."""

    seed: int
    is_static: bool
    acts: tuple[Act, ...]

    def __str__(self) -> str:
        named = "named members: " if self.is_static else ""
        return named + ", ".join(map(str, self.acts))


def plan_of(seed: int) -> Plan:
    """The plan of a seed; 20 in succession have every kind and nearly every step."""
    chance = random.Random(seed)  # noqa: S311 - faults
    step = list(STEPS)[seed % len(STEPS)]
    faults = [Fault.STEP, _TURNS[seed % len(_TURNS)], chance.choice(_BY_CHANCE)]
    acts = [
        _act(fault, chance, step if place == 0 else chance.choice(list(STEPS)))
        for place, fault in enumerate(faults)
    ]
    chance.shuffle(acts)
    return Plan(seed, chance.random() < _STATIC_SHARE, tuple(acts))


def counted(plans: Iterable[Plan]) -> Counter[Fault]:
    """In how many plans each kind is."""
    return Counter(fault for one in plans for fault in {act.fault for act in one.acts})


def _act(fault: Fault, chance: random.Random, step: str) -> Act:
    seconds = chance.random() * 0.5
    if fault is Fault.STEP:
        return Act(
            fault, seconds, death=Death(step, chance.randint(1, STEPS[step].most))
        )
    members = {
        Fault.KILL: chance.choice((1, 1, 2)),
        Fault.MEMBERS: chance.choice(_MEMBERS),
        Fault.ZOMBIE: chance.choice((1, 2, 2, 3)),
    }
    return Act(fault, seconds, members.get(fault, 1))
