"""Sidecars on a broker to which happens what a plan says, and what must hold after."""

import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.kafka_broker import KafkaBroker
from analytics_platform.errors import PlatformError
from streaming.fencing import Contested
from tests.domains import readings as domain
from tests.support.commands import wait_for
from tests.support.fault_plans import Act, Fault, Plan
from tests.support.forked_sidecars import Forked, Forks, forks, suspend
from tests.support.live_checks import differences, outputs_wait
from tests.support.live_sidecar import LiveTopic, copied_home, given, have_all
from tests.support.sidecar_steps import STEPS, Death

_SESSION_SECONDS = 2.0
_WAIT_SECONDS = 300.0  # for anything, on a machine with other work
_ASKED = (None, 0, -signal.SIGKILL)  # exit codes of those that do not end themselves
_NAMES = ("ann", "bob", "cy", "dee", "eve")
_GIVE_UP_SECONDS = 120.0  # on a step that does not take place


@dataclass
class SharedBroker:
    """A broker that several seeds use, each of which may restart it."""

    kafka: KafkaBroker
    restarts: int = 0
    _up: threading.RLock = field(default_factory=threading.RLock)

    @contextmanager
    def up(self) -> Iterator[Broker]:
        """It is up, and stays so meanwhile."""
        with self._up:
            yield Broker.configured(self.kafka.bootstrap)

    def restart(self, *, kill: bool) -> None:
        """End it in good order or not, and start it on the same data."""
        with self._up:
            self.restarts += 1
            self.kafka.kill() if kill else self.kafka.stop()
            self.kafka.start()


@dataclass
class Outcome:
    """What a seed led to; `differences` is empty if everything is as it must be."""

    plan: Plan
    events: int = 0
    windows: int = 0
    late: int = 0
    starts: int = 0
    seconds: float = 0.0
    missed: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        said = "equal" if not self.differences else f"DIFFERENT {self.differences}"
        missed = f" (not reached: {', '.join(self.missed)})" if self.missed else ""
        return (
            f"seed {self.plan.seed}: {self.plan}{missed}; {self.events:,} events, "
            f"{self.starts} sidecars, {self.windows:,} windows, {self.late:,} with "
            f"late events: {said}, {self.seconds:.0f} s"
        )


def run_plan(plan: Plan, made: Path, folder: Path, broker: SharedBroker) -> Outcome:
    """Perform a plan; `made` is a home to copy, `folder` a new one."""
    began, outcome = time.monotonic(), Outcome(plan)
    with broker.up() as address:
        topic = LiveTopic(address, copied_home(made, folder / "home"))
    with closing(topic), forks(folder / "outputs") as some:
        run = _Run(plan, topic, some, broker, outcome)
        try:
            run.perform()
        except (AssertionError, PlatformError) as error:
            outcome.differences.append(str(error))
    outcome.starts = len(some.all)
    outcome.seconds = time.monotonic() - began
    return outcome


class _Run:
    """The members of one seed's group, and what is done to them."""

    def __init__(
        self,
        plan: Plan,
        topic: LiveTopic,
        some: Forks,
        broker: SharedBroker,
        outcome: Outcome,
    ) -> None:
        self._plan, self._topic, self._forks = plan, topic, some
        self._broker, self._outcome = broker, outcome
        self._chance = random.Random(plan.seed)  # noqa: S311 - moments
        self._minded: set[int] = set()
        self._named: list[tuple[Forked, str]] = []
        self._acts: dict[Fault, Callable[[Act], None]] = {
            Fault.KILL: self._kill,
            Fault.STEP: self._step,
            Fault.BROKER_KILL: self._restart_broker,
            Fault.BROKER_STOP: self._restart_broker,
            Fault.MEMBERS: self._come_and_go,
            Fault.ZOMBIE: self._zombie,
        }

    def perform(self) -> None:
        """All acts, then let the sidecars finish, and compare."""
        for act in self._plan.acts:
            self._acts[act.fault](act)
        self._send(200)
        self._topic.end()
        self._have_members(1)
        found = have_all(self._topic, self._mind, seconds=_WAIT_SECONDS)
        self._leave()
        if outputs_wait(self._topic):  # they end within seconds, the next one sends it
            self._start().wait_for(lambda: not outputs_wait(self._topic))
            self._leave()
        with self._broker.up():
            self._outcome.differences += differences(self._topic, found)
        self._outcome.events = sum(map(len, self._topic.sent))
        self._outcome.windows, self._outcome.late = len(found.windows), len(found.late)

    def _leave(self) -> None:
        leaving = self._forks.running
        for one in leaving:
            one.signal(signal.SIGTERM)
        codes = [one.ended(_WAIT_SECONDS) for one in leaving]
        assert not any(codes), f"left with {codes}: {leaving[-1]}"

    def _kill(self, act: Act) -> None:
        self._have_members(act.members)
        self._send_for(act.seconds)
        killed = self._chance.choice(self._forks.running)
        killed.signal(signal.SIGKILL)
        killed.ended()

    def _step(self, act: Act) -> None:
        assert act.death is not None
        step = STEPS[act.death.step]
        self._forks.kill()  # the one that dies is to have all partitions
        dying = self._start(act.death)
        if step.by != "events":
            self._await_work(dying)
            self._send_for(act.seconds)
        if step.by == "rebalance":
            self._start()
        elif step.by == "ending":
            dying.signal(signal.SIGTERM)
        deadline = time.monotonic() + _GIVE_UP_SECONDS
        while dying.code is None and time.monotonic() < deadline:
            self._send(self._chance.randrange(10, 30))
            time.sleep(0.1)
        if dying.code != -signal.SIGKILL:
            self._outcome.missed.append(str(act))
            self._forks.kill()

    def _restart_broker(self, act: Act) -> None:
        self._have_members(act.members)
        self._send_for(act.seconds)
        self._topic.send(self._chance.randrange(2**31), 100, wait=False)
        self._broker.restart(kill=act.fault is Fault.BROKER_KILL)
        self._send(100)

    def _come_and_go(self, act: Act) -> None:
        self._have_members(1)
        while len(self._forks.running) < act.members:
            self._send_for(act.seconds)
            self._await_work(self._start())
        self._send_for(act.seconds)
        going = self._chance.choice(self._forks.running)
        going.signal(signal.SIGTERM)
        self._send_for(act.seconds)
        code = going.ended(_WAIT_SECONDS)
        assert code == 0, f"it left with {going}"

    def _zombie(self, act: Act) -> None:
        self._have_members(act.members)
        self._send_for(act.seconds)
        zombie, *others = self._forks.running
        suspend(zombie, self._topic.home)
        self._send(100)
        time.sleep(_SESSION_SECONDS + 0.5)
        if others:
            others[0].wait_for(lambda: _have_everything(others), _WAIT_SECONDS)
        self._send(100)
        zombie.signal(signal.SIGCONT)
        self._send_for(act.seconds)

    def _have_members(self, count: int) -> None:
        self._mind()
        while len(self._forks.running) < count:
            self._start()
        for one in self._forks.running:
            self._await_work(one)

    def _mind(self) -> bool:
        """Start anew what ended by itself, as a supervisor would, if it may end so."""
        for number, one in enumerate(self._forks.all):
            if one.code in _ASKED or number in self._minded:
                continue
            self._minded.add(number)
            assert one.code == Contested.exit_code, f"it ended by itself: {one}"
            self._start()
        return False

    def _start(self, death: Death | None = None) -> Forked:
        variables = self._topic.variables(
            ANALYTICS_STREAMING__SESSION_SECONDS=str(_SESSION_SECONDS)
        )
        taken = {name for one, name in self._named if one.code is None}
        name = next(one for one in _NAMES if one not in taken)
        if self._plan.is_static:
            variables["ANALYTICS_STREAMING__MEMBER"] = name
        self._named.append((self._forks.start(variables, death), name))
        return self._named[-1][0]

    def _await_work(self, one: Forked) -> None:
        """Until it was given partitions, or has ended."""
        wait_for(
            lambda: given(one.text) or one.code is not None, _WAIT_SECONDS, say=one
        )

    def _send_for(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while True:
            self._send(self._chance.randrange(20, 120))
            if time.monotonic() >= deadline:
                return
            time.sleep(self._chance.random() * 0.1)

    def _send(self, count: int) -> None:
        self._topic.send(self._chance.randrange(2**31), count)


def _have_everything(some: Sequence[Forked]) -> bool:
    """Whether the partitions that these were given last are all there are."""
    last = [one for each in some for one in given(each.text)[-1]]
    return sorted(last) == list(range(domain.PARTITIONS))
