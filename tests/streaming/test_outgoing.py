"""What leaves the sidecar: records by kind and partition, messages, and their tally."""

import json

from analytics_platform.contracts.messages import Prediction
from streaming.causes import Causes, Position
from streaming.checkpoints.messages import decode_messages
from streaming.hub.wire import NO_CAUSE, Cause
from streaming.outgoing import DEAD_LETTER_CHANNEL, LATE_CHANNEL, Outgoing, Outlet
from streaming.pipeline import Output
from tests.domains import readings as domain
from tests.support.driven import SentRecords, logs_of, pipeline, values_of
from tests.support.readings import last_readings, readings


def polled() -> list[SentRecords]:
    """A thousand readings, and a record that is none."""
    logs = values_of(logs_of([*readings(5, 1_000), *last_readings()]))
    logs[2].insert(0, b"{")
    return [
        SentRecords(log, (domain.TOPIC, partition))
        for partition, log in enumerate(logs)
    ]


def outgoing() -> Outgoing:
    """Their outputs."""
    made, found, records = pipeline(), Outgoing(), polled()
    made.assign(range(domain.PARTITIONS))
    found.add(made.process(records, 0), Causes(records), at_ms=1)  # type: ignore[arg-type]
    return found


def test_every_result_is_a_record_and_a_message() -> None:
    found = outgoing()
    blobs = [one for one in found.blobs() if one.kind == Outlet.RESULTS]
    records = [record for one in blobs for record in decode_messages(one.body)]
    pushed = [
        payload
        for one in found.pushed
        if one.channel.startswith("windows.")
        for payload in one.batch.payloads
    ]
    assert [one.partition for one in blobs] == [0, 1, 2, 3]
    assert sum(one.messages for one in blobs) == len(records)
    assert sorted(pushed) == sorted(record.value or b"" for record in records)
    assert sum(found.tally.windows.values()) == len(records)
    for one in found.pushed:
        assert sum(count for _, count in one.batch.causes) == len(one.batch)


def test_a_window_follows_from_the_record_that_moved_the_watermark_past_its_end() -> (
    None
):
    records = polled()
    passed = _watermarks(records)
    checked = 0
    for one in outgoing().pushed:
        if one.channel != "windows.by_second":
            continue
        causes = [cause for cause, count in one.batch.causes for _ in range(count)]
        for payload, cause in zip(one.batch.payloads, causes, strict=True):
            said = json.loads(payload)
            if said["revision"] == 0:
                mover = next(
                    n for n, (w, _) in enumerate(passed) if w >= said["end_ms"]
                )
                assert cause == passed[mover][1]
                checked += 1
    assert checked > 50


def _watermarks(records: list[SentRecords]) -> list[tuple[int, Cause]]:
    """After each record in the order of processing: the watermark, and its cause."""
    greatest, found = [-(2**62)] * domain.PARTITIONS, []
    for log in records:
        for index, value in enumerate(log.values):
            if value != b"{":
                at, partition = json.loads(value or b"")["at"], log.where[1]
                greatest[partition] = max(greatest[partition], at)
            cause = Cause(int(log.timestamps_ms[index]), log.trace(index))
            found.append((min(greatest) - domain.BOUND_MS, cause))
    return found


def test_records_of_a_partition_are_those_of_its_keys() -> None:
    for one in outgoing().blobs():
        if one.kind == Outlet.RESULTS:
            keys = {record.key or b"" for record in decode_messages(one.body)}
            numbers = [int(key[1:]) for key in keys if key.startswith(b"s")]
            assert {number % domain.PARTITIONS for number in numbers} == {one.partition}


def test_late_events_are_told_and_counted_by_window() -> None:
    found = outgoing()
    (pushed,) = (one.batch for one in found.pushed if one.channel == LATE_CHANNEL)
    late = [json.loads(payload) for payload in pushed.payloads]
    assert sum(one["missed_windows"] for one in late) == sum(
        found.tally.missed.values()
    )
    assert sum(one["reached_none"] for one in late) == sum(found.tally.late.values())
    assert found.tally.late
    for cause, said in zip(pushed.causes, late, strict=True):
        records = polled()[said["partition"]]
        trace = records.trace(said["offset"])
        sent_ms = int(records.timestamps_ms[said["offset"]])
        assert cause == (Cause(sent_ms, trace), 1)


def test_a_record_that_is_no_event_is_put_away_as_it_came() -> None:
    found = outgoing()
    (blob,) = [one for one in found.blobs() if one.kind == Outlet.DEAD_LETTERS]
    (letter,) = decode_messages(blob.body)
    assert (blob.partition, letter.key, letter.value) == (2, b"key", b"{")
    assert dict(letter.headers)["dead_letter.error"] == b"undecodable"
    assert found.tally.letters == {"undecodable": 1}
    (pushed,) = [o.batch for o in found.pushed if o.channel == DEAD_LETTER_CHANNEL]
    assert pushed.keys == [None]
    assert pushed.causes[0][0].trace == polled()[2].trace(0)


def test_a_prediction_has_the_trace_of_its_own_event() -> None:
    records, found = polled(), Outgoing()
    made = [prediction("a"), prediction("b")]
    causes = [Position(1, 3), Position(2, 7)]
    output = Output(predictions=made, prediction_causes=causes)
    found.add(output, Causes(records), at_ms=1)  # type: ignore[arg-type]
    (pushed,) = (one.batch.causes for one in found.pushed)
    traces = [records[1].trace(3), records[2].trace(7)]
    times = [int(records[1].timestamps_ms[3]), int(records[2].timestamps_ms[7])]
    assert pushed == [
        (Cause(sent_ms, trace), 1) for sent_ms, trace in zip(times, traces, strict=True)
    ]
    sent = {one.partition: decode_messages(one.body)[0] for one in found.blobs()}
    assert [dict(sent[n].headers)["traceparent"] for n in (1, 2)] == [
        trace.encode() for trace in traces
    ]


def test_what_no_event_led_to_has_no_cause() -> None:
    made, found, records = pipeline(), Outgoing(), polled()
    made.assign(range(domain.PARTITIONS))
    made.process(records[:3], 0)  # the fourth partition holds all back
    found.add(made.flush(), Causes(records), at_ms=1)  # type: ignore[arg-type]
    causes = {cause for one in found.pushed for cause, _ in one.batch.causes}
    assert causes == {NO_CAUSE}


def prediction(key: str) -> Prediction:
    """Any prediction."""
    return Prediction(
        prediction_id=key,
        prediction="delay",
        model="m",
        version="1",
        snapshot=None,
        event_id=key,
        key=key,
        event_ms=0,
        value=1.5,
        unit=None,
        features_sha256="",
    )
