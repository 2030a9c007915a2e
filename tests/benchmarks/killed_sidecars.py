"""Kills sidecars at random moments, one seed after the other: `make faults SEEDS=200`.

After each seed the windows and late events that were committed are compared with those
counted one by one; the command ends with 1 if any differs.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from analytics_platform.adapters.brokers import Broker
from tests.domains import readings as domain
from tests.support.kafka_server import running_kafka
from tests.support.live_sidecar import (
    LiveTopic,
    copied_home,
    killed_again_and_again,
)
from tests.support.stream_homes import make_stream_home


def main() -> None:
    """Run the seeds and print what each found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--kills", type=int, default=3, help="of each seed")
    given = parser.parse_args()
    failed = []
    with tempfile.TemporaryDirectory() as folder, running_kafka() as kafka:
        made = Path(folder) / "made"
        make_stream_home(made, domain.semantic_manifest())
        for seed in range(given.first, given.first + given.seeds):
            started = time.monotonic()
            home = copied_home(made, Path(folder) / f"home-{seed}")
            topic = LiveTopic(Broker.configured(kafka.bootstrap), home)
            found = killed_again_and_again(topic, seed, given.kills)
            topic.assert_each_result_has_one_value()
            wanted = topic.reference()
            is_equal = found == wanted
            failed += [] if is_equal else [seed]
            print(
                f"seed {seed}: {sum(map(len, topic.sent)):,} events, "
                f"{len(wanted.windows):,} windows, {len(wanted.late):,} with late "
                f"events, {'equal' if is_equal else 'DIFFERENT'}, "
                f"{time.monotonic() - started:.0f} s",
                flush=True,
            )
    print(f"{given.seeds - len(failed)} of {given.seeds} seeds equal")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
