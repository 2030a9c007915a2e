"""Loads what was dropped into an inbox folder, each content exactly once."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime

from analytics_platform.adapters.contract_gate import Gated, gate
from analytics_platform.adapters.publication import LoadResult, Publisher
from analytics_platform.adapters.sources.arrival import Arrival
from analytics_platform.adapters.sources.files import read_file
from analytics_platform.adapters.sources.inbox import InboxFolder
from analytics_platform.contracts.domain import FileInbox, TableSpec
from analytics_platform.contracts.records import InboxFile, InboxStatus
from analytics_platform.core.inbox import DroppedFile, Step
from analytics_platform.core.ingestion import scope_of
from analytics_platform.errors import InvalidData, InvalidUsage
from analytics_platform.observability import get_logger

log = get_logger(__name__)


@dataclass(frozen=True)
class InboxLoader:
    """The inbox folder of one table, and where its rows go."""

    publisher: Publisher
    spec: TableSpec

    @property
    def folder(self) -> InboxFolder:
        """The folder, with the manifest of what became of its files."""
        if not isinstance(self.spec.source, FileInbox):
            raise InvalidUsage(
                f"The table {self.spec.name} is not fed by an inbox.",
                hint="Declare a FileInbox as its source.",
            )
        root = self.publisher.settings.inbox_path
        return InboxFolder(self.spec.source, root, self.spec.name, self.publisher.store)

    def load(self, now: datetime) -> LoadResult:
        """Load every file that is whole at `now` (wall time) and was not loaded yet.

        A file that cannot be read or has other columns goes to quarantine whole, bad
        rows alone; the rest goes on. Files are marked as loaded after their rows were
        committed and the partitions marked into which they have yet to be merged:
        killed in between, they are loaded again, to the same rows.
        """
        with ExitStack() as stack:
            opened: list[tuple[DroppedFile, Gated]] = []
            for decision in self.folder.decisions(now):
                if decision.step is Step.SKIP:
                    self._record(decision.file, InboxStatus.SKIPPED, decision.reason)
                elif decision.step is Step.LOAD:
                    gated = self._open(stack, decision.file)
                    opened += [(decision.file, gated)] if gated else []
            batches = [gated for _, gated in opened]
            result = self.publisher.publish(self.spec, [None], batches)
            if self.spec.merges_into and not result.red:
                days = {day for gated in batches for day in gated.good_days}
                self.publisher.mark_unmerged(self.spec.merges_into, sorted(days))
            for file, gated in opened:
                self._record_loaded(file, gated, result)
        return result

    def affected(self, files: Sequence[DroppedFile]) -> list[date]:
        """Starts of the partitions for which these files bring good rows, in order."""
        days: set[date] = set()
        for file in files:
            content = self.folder.content(file)
            if content is None:
                continue
            try:
                with ExitStack() as stack:
                    gated = self._gate(stack, self._read(file, content))
                    days.update(gated.good_days)
            except InvalidData:
                continue  # the load says so, and keeps the file
        return sorted(days)

    def _open(self, stack: ExitStack, file: DroppedFile) -> Gated | None:
        """What of the file came through the gate; None, and kept, if it is broken."""
        arrival: Arrival | None = None
        content = self.folder.content(file)
        if content is None:  # it changed since it was seen: the next look finds it
            return None
        try:
            arrival = self._read(file, content)
            return self._gate(stack, arrival)
        except InvalidData as error:
            self.publisher.quarantine(self.spec).keep_file(
                file.path,
                content,
                rows=0 if arrival is None else len(arrival.rows),
                reason=error.message,
            )
            self._record(file, InboxStatus.QUARANTINED, error.message)
            return None

    def _read(self, file: DroppedFile, content: bytes) -> Arrival:
        null_text = self.folder.source.null_text
        return read_file(file.path, content, null_text=null_text)

    def _gate(self, stack: ExitStack, arrival: Arrival) -> Gated:
        publisher = self.publisher
        scope = scope_of(self.spec, publisher.domain.partitions, None, publisher.at)
        return stack.enter_context(
            gate(self.spec, arrival.rows, scope, origin=arrival.origin)
        )

    def _record_loaded(
        self, file: DroppedFile, gated: Gated, result: LoadResult
    ) -> None:
        if result.red:
            reason = "; ".join(result.red.values())
            self._record(file, InboxStatus.QUARANTINED, reason)
            return
        bad = sum(gated.failing.values())
        reason = f"{bad} of its rows are in quarantine" if bad else ""
        self._record(file, InboxStatus.LOADED, reason, rows=gated.good_rows)

    def _record(
        self, file: DroppedFile, status: InboxStatus, reason: str, *, rows: int = 0
    ) -> None:
        self.publisher.store.inbox.record(
            InboxFile(
                path=file.path,
                size=file.size,
                sha256=file.sha256,
                table=self.spec.name,
                status=status,
                reason=reason,
                rows=rows,
                run_id=self.publisher.run_id,
                handled_at=self.publisher.at,
            )
        )
        log.info("file_handled", path=file.path, status=status, reason=reason)
