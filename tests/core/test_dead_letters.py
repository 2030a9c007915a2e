"""A dead letter is the record itself, byte for byte, and its story in headers."""

from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.core.dead_letters import (
    DeadLetter,
    dead_letter_topic,
    replays_of,
)

names = st.text(max_size=8).filter(lambda name: not name.startswith("dead_letter."))
octets = st.none() | st.binary(max_size=20)
letters = st.builds(
    DeadLetter,
    topic=st.text(min_size=1, max_size=8),
    partition=st.integers(0, 99),
    offset=st.integers(0, 2**60),
    key=octets,
    value=octets,
    headers=st.lists(st.tuples(names, octets), max_size=3).map(tuple),
    error=st.text(max_size=9),
    message=st.text(max_size=9),
    at_ms=st.integers(0, 2**50),
    replays=st.integers(0, 9),
    prediction=st.none() | st.text(max_size=9),
)


@given(letters)
def test_a_letter_reads_as_it_was_written(letter: DeadLetter) -> None:
    headers = letter.written_headers()
    assert DeadLetter.read(letter.key, letter.value, headers) == letter


@given(letters)
def test_a_replayed_record_has_its_own_headers_and_counts(letter: DeadLetter) -> None:
    headers = letter.replay_headers()
    assert headers[:-1] == letter.headers
    assert replays_of(headers) == letter.replays + 1
    assert replays_of(letter.headers) == 0


def test_a_record_without_a_story_is_no_letter() -> None:
    assert DeadLetter.read(b"", b"", [("traceparent", b"00")]) is None
    story = [("dead_letter.topic", b"t"), ("dead_letter.partition", b"x")]
    assert DeadLetter.read(b"", b"", story) is None


def test_a_long_message_is_cut() -> None:
    letter = DeadLetter("t", 0, 0, None, None, (), "E", "x" * 5_000, 0)
    assert all(len(text or b"") <= 1_000 for _, text in letter.written_headers())


def test_the_topic_is_named_after_the_records() -> None:
    assert dead_letter_topic("events") == "events.dead_letters"
