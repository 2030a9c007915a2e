"""The lines of results are what contracts/messages.py declares."""

import numpy as np

from analytics_platform.contracts.messages import MESSAGES, Retraction, WindowResult
from analytics_platform.core.column_blobs import Column
from analytics_platform.core.live_results import LiveResults, RowKind
from streaming.result_lines import result_lines
from streaming.results import COUNT


def test_each_row_is_a_message_in_its_order() -> None:
    results = LiveResults(
        keys=["a", 'b"é'],
        kinds=np.array([RowKind.WINDOW, RowKind.RETRACTION], np.int64),
        start_ms=np.array([0, 10], np.int64),
        end_ms=np.array([10, 20], np.int64),
        revisions=np.array([2, 0], np.int64),
        values={
            COUNT: Column(np.array([3, 0], np.int64)),
            "level": Column(np.array([0.1, 0.0]), np.array([True, False])),
            "rides": Column(np.array([2**60, 0], np.int64)),
            "none": Column(np.array([0.0, 0.0]), np.array([False, False])),
        },
    )
    found = result_lines("w", results)
    window, retraction = [MESSAGES.validate_json(line) for line in found]
    assert window == WindowResult(
        window="w",
        key="a",
        start_ms=0,
        end_ms=10,
        count=3,
        metrics={"level": 0.1, "rides": 2**60, "none": None},
        revision=2,
    )
    assert retraction == Retraction(window="w", key='b"é', start_ms=10, end_ms=20)
    assert found[0] == window.model_dump_json().encode()
    assert found[1] == retraction.model_dump_json().encode()
