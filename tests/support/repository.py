"""The repository's own files, as the architecture tests read them."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("analytics_platform", "api", "bento_services", "streaming")


@cache
def files() -> tuple[Path, ...]:
    """Every file that git keeps or would keep, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split("\0")
    return tuple(sorted(Path(name) for name in listed if (ROOT / name).is_file()))


def files_ending(*suffixes: str) -> list[Path]:
    """The files with one of these suffixes."""
    return [path for path in files() if path.suffix in suffixes]


def text(path: Path) -> str:
    """A file's text; empty for one that is not text, such as a picture."""
    try:
        return (ROOT / path).read_text()
    except UnicodeDecodeError:
        return ""


def is_below(path: Path, folders: tuple[str, ...]) -> bool:
    """Whether `path` is one of `folders` or inside one."""
    return any(
        path == Path(folder) or Path(folder) in path.parents for folder in folders
    )
