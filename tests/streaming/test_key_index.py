"""Numbers found by the bytes of keys are those of a dictionary."""

import os
import subprocess
import sys
from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray

from streaming import key_index
from streaming.key_index import UNKNOWN, KeyIndex
from streaming.keys import KeyTable

ODD = ["", " ", "\x00", "é", "日本", "\U0001f6eb", "a" * 5_000, "JFK", "JFK ", "jfk"]


def looked_up(index: KeyIndex, keys: list[str], known: dict[str, int]) -> list[int]:
    numbers: list[int] = index.numbers(keys, known).tolist()
    return numbers


def test_numbers_are_those_that_the_dictionary_has() -> None:
    random, index = Random(7), KeyIndex()  # noqa: S311
    names = [f"{random.randrange(10**9):x}" for _ in range(30_000)] + ODD
    known = {name: 3 * place for place, name in enumerate(names)}
    for _ in range(40):
        keys = random.choices(names, k=random.randrange(1, 5_000))
        assert looked_up(index, keys, known) == [known[key] for key in keys]


def test_what_was_found_once_is_found_without_the_dictionary() -> None:
    index = KeyIndex()
    known = {name: place for place, name in enumerate(ODD)}
    looked_up(index, ODD, known)
    assert looked_up(index, ODD[::-1], {}) == list(range(len(ODD)))[::-1]


def test_keys_that_differ_in_one_byte_or_in_length_are_told_apart() -> None:
    index, known = KeyIndex(), {"ab": 0, "ac": 1, "abc": 2, "a": 3, "b": 4}
    for _ in range(2):
        assert looked_up(index, list(known), known) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("odd", ["a\nb", "\n", "a\n"])
def test_a_key_with_a_newline_is_found_like_any_other(odd: str) -> None:
    index, known = KeyIndex(), {"a": 0, "b": 1, odd: 2, "": 3}
    for _ in range(2):
        assert looked_up(index, ["b", odd, "a", ""], known) == [1, 2, 0, 3]
        assert looked_up(index, ["a", "b"], known) == [0, 1]


def test_no_keys_have_no_numbers() -> None:
    assert looked_up(KeyIndex(), [], {}) == []


def test_keys_of_equal_hash_are_told_apart_and_cost_no_more_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without compiling, so that the hash can be made a poor one."""
    for name, kernel in vars(key_index).copy().items():
        if hasattr(kernel, "py_func"):
            monkeypatch.setattr(key_index, name, kernel.py_func)
    monkeypatch.setattr(key_index, "_hash_to", _poor_hash)
    index = KeyIndex()
    known = {f"key {place}": place for place in range(100)}
    for _ in range(3):
        assert looked_up(index, list(known), known) == list(range(100))
    kept = index.numbers(list(known), dict.fromkeys(known, UNKNOWN))
    assert (kept >= 0).sum() == key_index._NEARBY
    assert index._count == key_index._NEARBY


def _poor_hash(source: NDArray[np.uint8], at: int, limit: int) -> tuple[np.uint64, int]:
    ends = np.flatnonzero(source[at:limit] == ord("\n"))
    return np.uint64(1 << 40), at + int(ends[0]) if ends.size else limit


def test_a_table_gives_the_numbers_of_many_keys_as_of_few() -> None:
    random, many, few = Random(3), KeyTable(), KeyTable()  # noqa: S311
    names = [f"s{place}" for place in range(3_000)]
    for round_ in range(6):
        keys = random.choices(names, k=2_000)
        expected = np.concatenate(
            [few.numbers(0, keys[at : at + 50]) for at in range(0, 2_000, 50)]
        )
        assert (many.numbers(0, keys) == expected).all()
        if round_ == 3:
            gone = sorted(set(keys))[::3]
            many.let_go(0, gone)
            few.let_go(0, gone)


def test_no_kernel_leaves_the_bounds_of_its_arrays() -> None:
    """Numba checks no bounds by itself; here it does, in a process of its own."""
    code = "from tests.streaming import test_key_index as t; t.all_of_it()"
    subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "NUMBA_BOUNDSCHECK": "1"},
        check=True,
        timeout=300,
    )


def all_of_it() -> None:
    """What the process of its own runs."""
    test_numbers_are_those_that_the_dictionary_has()
    test_keys_that_differ_in_one_byte_or_in_length_are_told_apart()
    test_a_key_with_a_newline_is_found_like_any_other("a\nb")
