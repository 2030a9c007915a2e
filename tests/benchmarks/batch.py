"""Times a year through the platform against bare libraries: `make bench-batch`.

Prints figures and asserts none: they depend on the machine and on what else it does.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from analytics_platform.cli.environment import OPENMP, TELEMETRY_OFF
from analytics_platform.settings import ROOT, load_settings
from tests.benchmarks.bare_plan import make_plan

_STEP = re.compile(r"^(\S+) (?:\.\.\.|done in ([\d.]+) s)$")
_LOCATION = (
    "import analytics_platform.definitions as entry; "
    "from analytics_platform.settings import load_settings; "
    "from analytics_platform.resources import open_resources; "
    "entry.build_definitions(open_resources(load_settings(env_file=None)))"
)


@dataclass(frozen=True)
class Cost:
    """What a child process took, and what it printed line by line with the time."""

    wall: float
    cpu: float
    peak_mb: float
    lines: list[tuple[float, str]]
    load: tuple[float, float]


def main() -> None:
    """Run the year both ways and print what it took."""
    arguments = _arguments()
    with TemporaryDirectory(prefix="bench-batch-") as place:
        home = Path(place) / "home"
        platform = measured([_command("analytics"), "materialize"], _variables(home))
        _show("platform", platform)
        _show_steps(platform)
        location = [
            measured([sys.executable, "-c", _LOCATION], _variables(home))
            for _ in range(arguments.repeat)
        ]
        bare = [_bare(home, Path(place), n) for n in range(arguments.repeat)]
    for cost in bare:
        _show("bare script", cost)
    for part, (wall, cpu) in json.loads(bare[-1].lines[-1][1]).items():
        print(f"  {part:<32} {wall:7.1f} {cpu:7.1f}")
    for cost in location:
        _show("code location", cost)
    best = min(bare, key=lambda cost: cost.wall)
    print(
        f"ratio to bare: wall {platform.wall / best.wall:.1f}, "
        f"processor {platform.cpu / min(cost.cpu for cost in bare):.1f}"
    )


def measured(command: Sequence[str], environment: dict[str, str]) -> Cost:
    """Run a command to its end.

    Raises:
        SystemExit: it failed; what it printed is shown.
    """
    before, started = os.getloadavg()[0], time.monotonic()
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        lines = [
            (time.monotonic() - started, line.rstrip()) for line in process.stdout or ()
        ]
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - started
    # 3: built, though a blocking check is red.
    if process.returncode not in (0, 3):
        sys.exit("\n".join(text for _, text in lines))
    load = (before, os.getloadavg()[0])
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, lines, load)


def _bare(home: Path, place: Path, number: int) -> Cost:
    plan, folder = place / "plan.json", place / f"bare-{number}"
    folder.mkdir()
    with _environment(_variables(home)):
        plan.write_text(_plan())
    script = ["-m", "tests.benchmarks.bare_year", str(plan), str(folder)]
    return measured([sys.executable, *script], _variables(home))


def _plan() -> str:
    from analytics_platform.resources import open_resources

    settings = load_settings(env_file=None)
    resources = open_resources(settings)
    profiled = [name.replace("/", ".") for name in resources.store.profiles.assets()]
    manifest = resources.dbt.manifest()
    return make_plan(resources.domain, manifest, settings.duckdb_path, profiled)


def _variables(home: Path) -> dict[str, str]:
    return {
        **os.environ,
        **TELEMETRY_OFF,
        **OPENMP,
        "ANALYTICS_HOME": str(home),
        "ANALYTICS_CLOCK": "wall",
        "DAGSTER_HOME": str(ROOT),
        "DAGSTER_STORAGE": str(home / "dagster"),
        "PYTHONUNBUFFERED": "1",
    }


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _command(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _show(what: str, cost: Cost) -> None:
    print(
        f"{what:<34} {cost.wall:7.1f} {cost.cpu:7.1f}  (wall s, processor s) "
        f"peak {cost.peak_mb:,.0f} MB, load {cost.load[0]:.1f} to {cost.load[1]:.1f}"
    )


def _show_steps(cost: Cost) -> None:
    """Where the wall time went: start, steps by group, between them, end."""
    steps: dict[str, float] = {}
    begun = ended = 0.0
    for at, line in cost.lines:
        found = _STEP.match(line)
        if found and found[2] is None:
            begun = begun or at
        elif found:
            steps[found[1]] = steps.get(found[1], 0.0) + float(found[2])
            ended = at
    print(f"  {'until the first step':<32} {begun:7.1f}")
    for name, seconds in sorted(steps.items(), key=lambda one: -one[1]):
        print(f"  {name:<32} {seconds:7.1f}")
    between = ended - begun - sum(steps.values())
    print(f"  {'between steps':<32} {between:7.1f}")
    print(f"  {'after the last step':<32} {cost.wall - ended:7.1f}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--repeat", type=int, default=1, help="runs of the bare script, fastest counts"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
