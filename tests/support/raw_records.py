"""Records of a partition, made of nothing but their values."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics_platform.contracts.streams import MAX_EVENT_BYTES


@dataclass(frozen=True)
class Single:
    """One record."""

    value: bytes | None


@dataclass(frozen=True)
class FakeRecords:
    """Records as a consumer hands them on; `where` is topic and partition."""

    values: Sequence[bytes | None]
    where: tuple[str, int] = ("events", 0)
    first: int = 0

    @property
    def offsets(self) -> NDArray[np.int64]:
        """One after the other."""
        return np.arange(self.first, self.next_offset, dtype=np.int64)

    @property
    def next_offset(self) -> int:
        """The first offset after them."""
        return self.first + len(self.values)

    @property
    def regular(self) -> bool:
        """Whether each is one line that is not blank, nor too long."""
        return all(
            one and one.strip() and b"\n" not in one and len(one) <= MAX_EVENT_BYTES
            for one in self.values
        )

    @property
    def ndjson(self) -> NDArray[np.uint8]:
        """The values as lines."""
        if not self.regular:
            return np.zeros(0, np.uint8)
        lines = b"".join(one + b"\n" for one in self.values if one)
        return np.frombuffer(lines, np.uint8)

    def record(self, index: int) -> Single:
        """One of them."""
        return Single(self.values[index])
