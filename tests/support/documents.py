"""Examples in the documentation, so that tests can run them."""

import re


def example(page: str, language: str) -> str:
    """The only block of code of a page in this language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
    return str(found)
