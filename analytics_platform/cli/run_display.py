"""What a person sees of runs: a line of progress, then a summary table."""

from collections import Counter
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from analytics_platform.contracts.domain import Severity
from analytics_platform.core.gate import Part
from analytics_platform.defs.run_events import (
    Checked,
    Materialized,
    RunEvent,
    StepEnded,
    StepFailed,
    StepStarted,
)
from analytics_platform.defs.runs import Built


@dataclass
class AssetLine:
    """One row of the summary."""

    rows: dict[str, int] = field(default_factory=dict)
    seconds: float | None = None
    step: str = ""
    checks: Counter[str] = field(default_factory=Counter)


class RunDisplay:
    """Follows events; a bar in a terminal, plain lines elsewhere."""

    def __init__(self, console: Console, assets: int) -> None:
        self._console = console
        self._lines: dict[str, AssetLine] = {}
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task("starting", total=assets)

    def __enter__(self) -> "RunDisplay":
        self._progress.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._progress.stop()

    def follow(self, event: RunEvent) -> None:
        """Take in one event of a run."""
        match event:
            case StepStarted():
                self._tell(f"{event.step} ...")
            case StepEnded():
                self._ended(event)
            case StepFailed():
                self._failed(event)
            case Materialized():
                line = self._line(event.asset)
                line.step = event.step
                line.seconds = event.seconds or line.seconds
                if event.rows is not None:
                    line.rows[event.partition or ""] = event.rows
            case Checked():
                self._line(event.asset).checks[event.outcome] += 1

    def summary(self, built: Built) -> Table:
        """Asset, partitions, rows, checks and seconds of all that was to be built."""
        table = Table(title="What was built")
        for column in ("asset", "partitions", "rows", "checks", "seconds"):
            numeric = column in ("partitions", "rows", "seconds")
            table.add_column(
                column, justify="right" if numeric else "left", no_wrap=True
            )
        for name in sorted({*self._lines, *built.failed, *built.left}):
            line = self._lines.get(name, AssetLine())
            table.add_row(
                name,
                _parts(built, name),
                f"{sum(line.rows.values()):,}" if line.rows else "",
                _checks(line.checks, built, name),
                "" if line.seconds is None else f"{line.seconds:.1f}",
            )
        return table

    def _ended(self, event: StepEnded) -> None:
        """A step of one asset took the time of that asset."""
        lines = [line for line in self._lines.values() if line.step == event.step]
        if len(lines) == 1 and lines[0].seconds is None:
            lines[0].seconds = event.seconds
        text = f"{event.step} done in {event.seconds:.1f} s"
        self._tell(text, advance=max(len(lines), 1))

    def _failed(self, event: StepFailed) -> None:
        """Stays on the terminal, above the bar."""
        why = event.why.partition("\n")[0]
        line = Text(f"{event.step} failed: {why}", style="red")
        self._console.print(line, soft_wrap=True)

    def _line(self, asset: str) -> AssetLine:
        return self._lines.setdefault(asset, AssetLine())

    def _tell(self, text: str, *, advance: int = 0) -> None:
        if not self._console.is_terminal:
            self._console.print(text)
        self._progress.update(self._task, description=text, advance=advance)


def _parts(built: Built, name: str) -> str:
    done = built.parts.get(name, frozenset())
    nothing: frozenset[Part] = frozenset()
    wanted = done | built.left.get(name, nothing) | built.red.get(name, nothing)
    return f"{len(done)}" if wanted == done else f"{len(done)} of {len(wanted)}"


def _checks(checks: Counter[str], built: Built, name: str) -> str:
    words = [
        f"{checks[kind]} {word}"
        for kind, word in (
            ("passed", "passed"),
            (Severity.WARN.value, "[yellow]warned[/]"),
            (Severity.ERROR.value, "[red]red[/]"),
        )
        if checks[kind]
    ]
    if name in built.failed:
        words.append("[red]failed[/]")
    if any(name in error.parts for error in built.unjudged):
        words.append("[red]not judged[/]")
    if name in built.left:
        words.append("[yellow]kept back[/]")
    return ", ".join(words)
