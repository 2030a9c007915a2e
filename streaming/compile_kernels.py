"""`python -m streaming.compile_kernels`: compiles what streaming runs as machine code.

`make install` calls it, so that nothing waits for the compiler later.
"""

from analytics_platform.settings import load_settings
from streaming.windows.warming import warmed


def main() -> None:
    """Compile the windows' kernels into the home."""
    warmed(load_settings().kernels_path)


if __name__ == "__main__":
    main()
