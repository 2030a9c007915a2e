"""Identities: equal for equal texts only, whatever batch they come in."""

import numpy as np

from streaming.identities import of_numbers, of_texts

TEXTS = ["", "a", "ab", "b", "a" * 8, "a" * 9, "é", "e\u0301", "x" * 64, "y" * 65]


def test_a_text_has_one_identity_alone_and_in_any_company() -> None:
    together = of_texts([*TEXTS, "z" * 5_000]).tolist()
    assert together[:-1] == [of_texts([text]).tolist()[0] for text in TEXTS]


def test_different_texts_have_different_identities() -> None:
    texts = [f"{kind}-{number}" for kind in ("in", "out") for number in range(50_000)]
    assert len(set(of_texts(texts + TEXTS).tolist())) == len(texts) + len(TEXTS)


def test_a_text_and_one_with_a_zero_byte_more_differ() -> None:
    assert len(set(of_texts(["a", "a\0", "a\0\0", "\0", ""]).tolist())) == 5


def test_identities_do_not_change_between_versions() -> None:
    # Written down once: stored state has them.
    assert of_texts(["", "JFK"]).tolist() == [0, -837142770411576640]


def test_minus_zero_is_zero() -> None:
    zero, other, half = of_numbers(np.array([0.0, -0.0, 0.5])).tolist()
    assert zero == other != half


def test_no_texts_have_no_identities() -> None:
    assert of_texts([]).tolist() == []
