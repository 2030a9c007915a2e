"""Small numbers for the keys of each partition, as the window engine takes them."""

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from streaming.key_index import KeyIndex

Ids = NDArray[np.int32]

_FEW = 64  # keys, which are looked up one by one


class KeyTable:
    """Gives each (partition, key) a number from 0 on, and knows it by that number.

    Numbers of keys and partitions that were forgotten are given again.
    """

    def __init__(self) -> None:
        self._numbers: dict[int, _Numbers] = {}
        self._names: list[str] = []
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self._names) - len(self._free)

    def numbers(self, partition: int, keys: Sequence[str]) -> Ids:
        """The numbers of n keys of a partition; new keys get one."""
        known = self._numbers.get(partition)
        if known is None:
            known = self._numbers[partition] = _Numbers(self._names, self._free)
        if len(keys) <= _FEW:
            return np.array(list(map(known.__getitem__, keys)), dtype=np.int32)
        return known.index.numbers(keys, known)

    def names(self, numbers: NDArray[np.int64]) -> list[str]:
        """The keys with these numbers (n)."""
        return [self._names[number] for number in numbers.tolist()]

    def count(self, partition: int) -> int:
        """How many keys a partition has."""
        return len(self._numbers.get(partition, ()))

    def of_partition(self, partition: int) -> Mapping[str, int]:
        """Every key of a partition and its number, as they are at any time."""
        return self._numbers.get(partition, {})

    def added(self, partition: int) -> dict[str, int]:
        """The keys that came since this was asked the last time, in their order."""
        known = self._numbers.get(partition)
        if known is None or not known.added:
            return {}
        new, known.added = known.added, []
        return {key: known[key] for key in new if key in known}

    def forget(self, partitions: Collection[int]) -> None:
        """Take back the numbers of partitions that are gone."""
        for partition in partitions:
            gone = self._numbers.pop(partition, None)
            if gone:
                self._give_back(gone.values())

    def let_go(self, partition: int, keys: Iterable[str]) -> None:
        """Take back the numbers of some keys of a partition."""
        known = self._numbers[partition]
        known.index = KeyIndex()
        self._give_back([known.pop(key) for key in keys])

    def take(self, partition: int, keys: Sequence[str]) -> Ids:
        """The numbers of keys that a stored state has, in its order."""
        return self.numbers(partition, keys)

    def _give_back(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._names[number] = ""
            self._free.append(number)


class _Numbers(dict[str, int]):
    """One partition's numbers; what is looked up and missing is given one."""

    def __init__(self, names: list[str], free: list[int]) -> None:
        super().__init__()
        self._names, self._free = names, free
        self.added: list[str] = []
        self.index = KeyIndex()

    def __missing__(self, key: str) -> int:
        if self._free:
            number = self._free.pop()
            self._names[number] = key
        else:
            number = len(self._names)
            self._names.append(key)
        self[key] = number
        self.added.append(key)
        return number
