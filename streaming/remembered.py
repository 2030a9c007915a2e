"""What stood before a restart: a new process shows it until newer results come."""

from collections.abc import Iterable, Iterator

import numpy as np

from analytics_platform.adapters.live_results import LiveResultReader
from analytics_platform.core.live_results import LiveResults, pick
from streaming.definitions import CompiledWindow
from streaming.hub.wire import NO_CAUSE, Batch
from streaming.outgoing import Pushed, window_channel
from streaming.result_lines import result_lines

_COMMITS = 500
_MOST_KEYS = 8_192  # half of what a channel keeps


def remembered(
    url: str, cluster: str, windows: Iterable[CompiledWindow]
) -> Iterator[Pushed]:
    """The newest window of each key, of what was committed last; by live window.

    Of a window whose definition has changed since, nothing.
    """
    reader = LiveResultReader.open(url)
    try:
        known = {
            (one.cluster, one.topic, one.window, one.fingerprint): one
            for one in reader.sources()
        }
        for window in windows:
            name = (cluster, window.topic.name, window.name, window.fingerprint)
            if source := known.get(name):
                yield _pushed(window.name, reader.latest(source, _COMMITS))
    finally:
        reader.close()


def _pushed(window: str, standing: LiveResults) -> Pushed:
    last = {key: row for row, key in enumerate(standing.keys)}
    rows = np.array(sorted(last.values())[-_MOST_KEYS:], np.int64)
    newest = pick(standing, rows)
    lines = result_lines(window, newest)
    return Pushed(
        window_channel(window), Batch(newest.keys, lines, [(NO_CAUSE, len(lines))])
    )
