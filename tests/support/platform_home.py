"""A home of the platform with a domain of its own, worked on by the real commands."""

import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from unittest import mock

import dagster as dg
from dagster import DagsterEventType

from analytics_platform.cli.main import main
from analytics_platform.observability import ROOT_LOGGER
from analytics_platform.resources import Resources, open_resources
from analytics_platform.settings import load_settings

Built = Counter[tuple[str, str | None]]


@dataclass(frozen=True)
class Ran:
    """What a command printed, and its exit code."""

    code: int
    printed: str
    logged: str


@dataclass(frozen=True)
class PlatformHome:
    """A folder of run-time files, and the variables that a user would set."""

    folder: Path
    variables: Mapping[str, str]

    def run(self, *arguments: str) -> Ran:
        """Run `analytics <arguments>` in this process, to spare it many imports."""
        out, log = StringIO(), StringIO()
        with (
            self.entered(),
            mock.patch("sys.argv", ["analytics", *arguments]),
            redirect_stdout(out),
            redirect_stderr(log),
        ):
            try:
                main()
                code = 0
            except SystemExit as end:
                code = int(end.code or 0)
        return Ran(code, out.getvalue(), log.getvalue())

    def resources(self) -> Resources:
        """The adapters as the commands open them."""
        with self.entered():
            return open_resources(load_settings(env_file=None))

    def materialized(self) -> Built:
        """How often each asset, and each of its partitions, was materialized."""
        found: Built = Counter()
        with self.entered(), dg.DagsterInstance.get() as instance:
            for run_id in instance.get_run_ids():
                for entry in instance.all_logs(
                    run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION
                ):
                    event = entry.dagster_event
                    assert event
                    assert event.asset_key
                    found[event.asset_key.to_user_string(), event.partition] += 1
        return found

    @contextmanager
    def entered(self) -> Iterator[None]:
        """The variables set; environment and logging put back at the end."""
        storage = self.folder / "dagster"
        storage.mkdir(parents=True, exist_ok=True)
        logger = logging.getLogger(ROOT_LOGGER)
        before = logger.handlers, logger.level
        root = Path(__file__).resolve().parents[2]
        variables = {
            **self.variables,
            "ANALYTICS_HOME": str(self.folder),
            "DAGSTER_HOME": str(root),
            "DAGSTER_STORAGE": str(storage),
        }
        try:
            with mock.patch.dict(os.environ, variables):
                yield
        finally:
            logger.handlers, logger.level = before[0], before[1]
