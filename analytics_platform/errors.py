"""The error families of the platform: what failed, what was expected, what to do."""

from typing import ClassVar


class PlatformError(Exception):
    """An error that a user can act on.

    Subclasses keep their data as attributes and give `message` and `hint`.
    `exit_code` is what the `analytics` command ends with.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class Transient(PlatformError):
    """A failure that may go away by itself; only these are retried."""


class Unavailable(Transient):
    """An outside system did not answer in time or answered that it is busy."""


class InvalidConfiguration(PlatformError):
    """Settings that cannot be used; `problems` lists every one of them."""

    exit_code = 2

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        lines = "".join(f"\n  - {problem}" for problem in problems)
        super().__init__(
            f"{len(problems)} setting(s) cannot be used:{lines}",
            hint="\nCorrect them in the environment or in .env.",
        )


class InvalidUsage(PlatformError):
    """A command or a declaration that makes no sense as written."""

    exit_code = 2


class InvalidData(PlatformError):
    """Data that breaks its declared contract; the data is kept in quarantine."""


class BlockedByCheck(PlatformError):
    """A blocking check is red, so what depends on it was not built."""

    exit_code = 3


class NotFound(PlatformError):
    """A named thing (version, model, asset, quarantine entry) does not exist."""


class Conflict(PlatformError):
    """Somebody else changed the same thing first."""


class DamagedRecord(PlatformError):
    """A stored record contradicts itself, such as a ledger whose chain is broken."""


class DiskFull(PlatformError):
    """There is no room left for what had to be written; nothing was replaced."""

    def __init__(self, message: str) -> None:
        super().__init__(
            message,
            hint="What was there before is untouched. Free some space and run again.",
        )
