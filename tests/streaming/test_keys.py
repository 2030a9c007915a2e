"""Numbers for keys, by partition."""

import numpy as np

from streaming.keys import KeyTable


def test_equal_keys_of_one_partition_have_one_number() -> None:
    keys = KeyTable()
    assert keys.numbers(0, ["JFK", "LGA", "JFK"]).tolist() == [0, 1, 0]
    assert keys.numbers(0, ["LGA"]).tolist() == [1]


def test_the_same_key_of_another_partition_has_another_number() -> None:
    keys = KeyTable()
    first, second = keys.numbers(0, ["JFK"]), keys.numbers(1, ["JFK"])
    assert first.tolist() != second.tolist()
    assert keys.names(np.array([0, 1])) == ["JFK", "JFK"]


def test_numbers_of_a_forgotten_partition_are_given_again() -> None:
    keys = KeyTable()
    keys.numbers(0, ["JFK", "LGA"])
    keys.numbers(1, ["EWR"])
    keys.forget([0, 7])
    assert len(keys) == 1
    assert sorted(keys.numbers(2, ["BOS", "SEA", "ORD"]).tolist()) == [0, 1, 3]
    assert keys.of_partition(1) == {"EWR": 2}
    assert keys.of_partition(0) == {}


def test_kept_keys_are_texts_of_their_own() -> None:
    keys, given = KeyTable(), [f"key-{n % 90}" for n in range(300)]
    numbers = keys.numbers(0, given)
    kept = keys.of_partition(0)
    assert list(kept) == list(dict.fromkeys(given))
    assert numbers.tolist() == [kept[key] for key in given]
    assert not {id(key) for key in kept} & {id(key) for key in given}
