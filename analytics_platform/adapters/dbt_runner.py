"""Runs dbt inside this process, keeping what it parsed, and leaves nothing open."""

import os
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analytics_platform.errors import DiskFull, InvalidUsage, PlatformError

# dbt keeps flags and adapters in global variables: one invocation at a time.
_invocation = threading.RLock()


@dataclass
class DbtRunner:
    """dbt on one project; `target` and `logs` are where it writes.

    The parsed project is kept for the next invocation, until `forget`.
    """

    project: Path
    target: Path
    logs: Path
    _parsed: Any = field(default=None, repr=False)

    def invoke(
        self, arguments: Sequence[str], environment: Mapping[str, str]
    ) -> Sequence[Any]:
        """The results by node of `dbt <arguments>`; failed nodes are results too.

        Raises:
            InvalidUsage: the project cannot be parsed or compiled.
            PlatformError: dbt itself failed.
        """
        with _invocation, _variables(environment), _quiet():
            if self._parsed is None:
                self._parsed = self._run(["parse"], None)
            result = self._run(arguments, self._parsed)
        return tuple(getattr(result, "results", ()))

    def compile(self, environment: Mapping[str, str]) -> None:
        """Parse and compile the project from its files; needs no connection.

        Raises:
            InvalidUsage: the project cannot be parsed or compiled.
        """
        with _invocation, _variables(environment), _quiet():
            self._parsed = self._run(["parse"], None)
            arguments = ["compile", "--no-introspect", "--no-populate-cache"]
            self._run(arguments, self._parsed)

    def forget(self) -> None:
        """Drop the parsed project, because its files have changed."""
        self._parsed = None

    def _run(self, arguments: Sequence[str], parsed: Any) -> Any:  # noqa: ANN401
        from dbt.cli.main import dbtRunner

        try:
            outcome = dbtRunner(manifest=parsed).invoke(
                [*arguments, *self._options(arguments[0])]
            )
        finally:
            _close_connections()
        if outcome.exception is not None:
            if not isinstance(outcome.exception, Exception):  # Ctrl-C
                raise outcome.exception
            raise _failure(outcome.exception) from outcome.exception
        return outcome.result

    def _options(self, command: str) -> list[str]:
        options = [
            *("--project-dir", str(self.project), "--profiles-dir", str(self.project)),
            *("--target-path", str(self.target), "--log-path", str(self.logs)),
            *("--log-level", "none", "--log-level-file", "info"),
            *("--no-send-anonymous-usage-stats", "--no-version-check"),
        ]
        if command != "compile":
            # Only `compile` writes a manifest, the one with the compiled queries.
            options.append("--no-write-json")
        return options


def _close_connections() -> None:
    """Close what dbt leaves open, or the next reader of DuckDB's file fails."""
    from dbt.adapters.factory import FACTORY

    adapters: list[Any] = list(FACTORY.adapters.values())
    for adapter in adapters:
        adapter.cleanup_connections()
        close_all = getattr(adapter.connections, "close_all_connections", None)
        if close_all:
            close_all()


def _failure(error: BaseException) -> PlatformError:
    text = str(error).strip()
    if "No space left on device" in text:
        return DiskFull(f"dbt could not write: {text}")
    return InvalidUsage(
        f"dbt failed: {text}",
        hint="`dbt build` in the project's folder shows the same error.",
    )


@contextmanager
def _variables(environment: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the warnings of dbt's own libraries from the user."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
