"""What happens to dropped files: loaded once by content, the latest last."""

from datetime import UTC, datetime, timedelta

import pytest

from analytics_platform.contracts.records import InboxFile, InboxStatus
from analytics_platform.core.inbox import (
    DroppedFile,
    Step,
    decide,
    is_settled,
    is_unfinished,
    retry_wait,
)

NOON = datetime(2013, 11, 1, 12, tzinfo=UTC)
SETTLE = timedelta(seconds=2)


def a_file(path: str, sha256: str, minutes: int = 0) -> DroppedFile:
    return DroppedFile(path, 10, sha256, NOON + timedelta(minutes=minutes))


def handled(file: DroppedFile, status: InboxStatus) -> InboxFile:
    return InboxFile(
        path=file.path,
        size=file.size,
        sha256=file.sha256,
        table="t",
        status=status,
        run_id="r",
        handled_at=NOON,
    )


def steps(files: list[DroppedFile], *known: InboxFile) -> list[tuple[str, Step, str]]:
    decisions = decide(
        files,
        by_path=lambda path, size, sha256: next(
            (k for k in known if (k.path, k.size, k.sha256) == (path, size, sha256)),
            None,
        ),
        by_content=lambda sha256: next(
            (k for k in known if k.sha256 == sha256 and k.status is InboxStatus.LOADED),
            None,
        ),
    )
    return [(d.file.path, d.step, d.reason) for d in decisions]


def test_new_files_are_loaded_oldest_first() -> None:
    files = [a_file("b", "2", minutes=1), a_file("a", "1", minutes=2)]
    assert steps(files) == [("b", Step.LOAD, ""), ("a", Step.LOAD, "")]


def test_a_handled_file_is_done() -> None:
    file = a_file("a", "1")
    for status in InboxStatus:
        assert steps([file], handled(file, status))[0][1] is Step.DONE


def test_other_content_under_the_same_path_is_loaded() -> None:
    before = handled(a_file("a", "1"), InboxStatus.LOADED)
    assert steps([a_file("a", "2")], before) == [("a", Step.LOAD, "")]


def test_loaded_content_under_another_path_is_skipped_with_the_reason() -> None:
    before = handled(a_file("a", "1"), InboxStatus.LOADED)
    assert steps([a_file("b", "1")], before) == [
        ("b", Step.SKIP, "same content as a, loaded already")
    ]


def test_content_that_was_refused_may_come_again() -> None:
    before = handled(a_file("a", "1"), InboxStatus.QUARANTINED)
    assert steps([a_file("b", "1")], before) == [("b", Step.LOAD, "")]


def test_of_two_new_files_with_one_content_the_later_is_skipped() -> None:
    files = [a_file("b", "1", minutes=5), a_file("a", "1")]
    assert steps(files) == [
        ("a", Step.LOAD, ""),
        ("b", Step.SKIP, "same content as a"),
    ]


@pytest.mark.parametrize("name", [".a.csv", "~a.csv", "a.csv.tmp", "a.csv.part"])
def test_names_of_files_in_writing_are_known(name: str) -> None:
    assert is_unfinished(name)
    assert not is_unfinished("a.csv")


def test_a_file_settles_after_its_last_change() -> None:
    assert not is_settled(NOON, NOON + timedelta(seconds=1.9), SETTLE)
    assert is_settled(NOON, NOON + SETTLE, SETTLE)


def test_a_change_in_the_future_does_not_wait_for_ever() -> None:
    assert not is_settled(NOON + timedelta(seconds=1), NOON, SETTLE)
    assert is_settled(NOON + timedelta(hours=1), NOON, SETTLE)


def test_failed_loads_are_tried_less_and_less_often() -> None:
    waits = [retry_wait(failures).total_seconds() for failures in (1, 2, 3, 9)]
    assert waits == [10, 20, 40, 600]
