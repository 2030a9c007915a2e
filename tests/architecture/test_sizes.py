"""Files and functions stay small enough to be read in one go."""

import ast
from pathlib import Path

import pytest

from tests.support.repository import PACKAGES, files, files_ending, is_below, text

FILE_LINES = 400
FUNCTION_LINES = 40


@pytest.mark.parametrize("path", files_ending(".py", ".sql"), ids=str)
def test_no_file_is_longer_than_400_lines(path: Path) -> None:
    assert len(text(path).splitlines()) <= FILE_LINES


def test_no_function_is_longer_than_40_lines() -> None:
    long = [
        f"{path}:{node.lineno} {node.name} has {length} lines"
        for path in files_ending(".py")
        for node in ast.walk(ast.parse(text(path)))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
    ]
    assert long == []


def test_package_files_are_empty_but_a_domains() -> None:
    filled = [
        str(path)
        for path in files()
        if path.name == "__init__.py"
        and is_below(path, PACKAGES)
        and text(path).strip()
        and not is_below(path, ("analytics_platform/domains",))
    ]
    assert filled == []
