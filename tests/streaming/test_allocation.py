"""Memory that was freed serves again, without the system."""

import platform
import subprocess
import sys

import pytest

_FREES = """
import resource
from streaming.allocation import keep_freed_memory

KEPT = {kept}
assert not KEPT or keep_freed_memory()

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def blocks():
    for _ in range(100):
        some = [b"x" * 1_000_000 for _ in range(4)]
        del some

blocks()
before = faults()
blocks()
print(faults() - before)
"""


def _page_faults(*, kept: bool) -> int:
    code = _FREES.format(kept=kept)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="other C libraries keep their own ways"
)
def test_blocks_that_come_and_go_fault_no_pages_in_again() -> None:
    assert _page_faults(kept=False) > 20_000, "four megabytes, a hundred times"
    assert _page_faults(kept=True) < 2_000
