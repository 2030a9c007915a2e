"""Loads orders in a process of its own, so that a test can kill it."""

import sys
from pathlib import Path

from tests.support.ingestion import open_shop, orders


def main() -> None:
    """`python -m tests.support.load_orders HOME KEY...`: load these months."""
    home = Path(sys.argv[1])
    sys.path.insert(0, str(home.parent / "distribution"))
    shop = open_shop(home, orders())
    print("ready", flush=True)  # noqa: T201 - the test waits for it
    shop.load(sys.argv[2:])


if __name__ == "__main__":
    main()
