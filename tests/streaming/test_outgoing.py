"""What leaves the sidecar: records by kind and partition, messages, and their tally."""

import json

from streaming.checkpoints.messages import decode_messages
from streaming.hub.wire import Cause
from streaming.outgoing import DEAD_LETTER_CHANNEL, LATE_CHANNEL, Outgoing, Outlet
from tests.domains import readings as domain
from tests.support.driven import SentRecords, logs_of, pipeline, values_of
from tests.support.readings import last_readings, readings

CAUSE = Cause(7, "00-trace")


def outgoing() -> Outgoing:
    """The outputs of a thousand readings, and of a record that is none."""
    made, found = pipeline(), Outgoing()
    made.assign(range(domain.PARTITIONS))
    logs = values_of(logs_of([*readings(5, 1_000), *last_readings()]))
    logs[2].insert(0, b"{")
    polled = [
        SentRecords(log, (domain.TOPIC, partition))
        for partition, log in enumerate(logs)
    ]
    found.add(made.process(polled, 0), CAUSE, at_ms=1)
    return found


def test_every_result_is_a_record_and_a_message_with_its_cause() -> None:
    found = outgoing()
    blobs = [one for one in found.blobs() if one.kind == Outlet.RESULTS]
    records = [record for one in blobs for record in decode_messages(one.body)]
    pushed = [one for one in found.pushed if one.channel.startswith("windows.")]
    assert [one.partition for one in blobs] == [0, 1, 2, 3]
    assert sum(one.messages for one in blobs) == len(records)
    assert sorted(one.payload for one in pushed) == sorted(
        record.value or b"" for record in records
    )
    assert {one.cause for one in pushed} == {CAUSE}
    assert {record.headers for record in records} == {(("traceparent", b"00-trace"),)}
    assert sum(found.tally.windows.values()) == len(records)


def test_records_of_a_partition_are_those_of_its_keys() -> None:
    for one in outgoing().blobs():
        if one.kind == Outlet.RESULTS:
            keys = {record.key or b"" for record in decode_messages(one.body)}
            numbers = [int(key[1:]) for key in keys if key.startswith(b"s")]
            assert {number % domain.PARTITIONS for number in numbers} == {one.partition}


def test_late_events_are_told_and_counted_by_window() -> None:
    found = outgoing()
    late = [json.loads(o.payload) for o in found.pushed if o.channel == LATE_CHANNEL]
    assert sum(one["missed_windows"] for one in late) == sum(
        found.tally.missed.values()
    )
    assert sum(one["reached_none"] for one in late) == sum(found.tally.late.values())
    assert found.tally.late


def test_a_record_that_is_no_event_is_put_away_as_it_came() -> None:
    found = outgoing()
    (blob,) = [one for one in found.blobs() if one.kind == Outlet.DEAD_LETTERS]
    (letter,) = decode_messages(blob.body)
    assert (blob.partition, letter.key, letter.value) == (2, b"key", b"{")
    assert dict(letter.headers)["dead_letter.error"] == b"undecodable"
    assert found.tally.letters == {"undecodable": 1}
    assert [o.key for o in found.pushed if o.channel == DEAD_LETTER_CHANNEL] == [None]
