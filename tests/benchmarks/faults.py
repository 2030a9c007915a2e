"""Lets faults happen to sidecars, seed after seed: `make faults SEEDS=200`.

After each seed what was committed, sent and predicted is compared with what is counted
one by one from the topic; if any of it differs the command ends with 1, and leaves the
seed's home and the sidecars' outputs.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.support.fault_plans import plan_of
from tests.support.fault_suite import run_plans, summary
from tests.support.kafka_server import running_kafka


def main() -> None:
    """Run the seeds and print what each found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--at-once", type=int, default=3, help="seeds side by side")
    given = parser.parse_args()
    began, folder = time.monotonic(), Path(tempfile.mkdtemp(prefix="faults-"))
    plans = [plan_of(given.first + place) for place in range(given.seeds)]
    with running_kafka() as kafka:
        outcomes = run_plans(plans, kafka, folder, at_once=given.at_once, say=_say)
    for line in summary(outcomes):
        print(line)
    loads = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    print(f"{time.monotonic() - began:.0f} s; load {loads} at the end")
    if any(one.differences for one in outcomes):
        sys.exit(f"What differs is in {folder}.")
    shutil.rmtree(folder)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
