"""Turns `:name` parameters into an engine's own placeholders."""

import re
from collections.abc import Callable, Collection

_TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|(?<![:\w]):([a-z_]\w*)")


def place(sql: str, names: Collection[str], placeholder: Callable[[str], str]) -> str:
    """`sql` with each `:name` of `names` replaced; quoted text and casts stay."""

    def replaced(token: "re.Match[str]") -> str:
        name = token.group(1)
        return placeholder(name) if name in names else token.group(0)

    return _TOKEN.sub(replaced, sql)
