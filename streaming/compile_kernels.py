"""`python -m streaming.compile_kernels`: compiles what streaming runs as machine code.

`analytics up` starts it beside the loading of history, so that the sidecar finds its
kernels in the home; a sidecar that comes earlier waits for it.
"""

import os

from analytics_platform.settings import load_settings
from streaming import key_index, record_kernels
from streaming.windows.warming import warmed

_NICENESS = 5  # whatever else runs is waited for by somebody


def main() -> None:
    """Compile the kernels of windows into the home, those of records beside them."""
    os.nice(_NICENESS)
    warmed(load_settings().kernels_path)
    record_kernels.compile_kernels()
    key_index.compile_kernels()


if __name__ == "__main__":
    main()
