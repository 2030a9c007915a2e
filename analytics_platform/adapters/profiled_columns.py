"""How a column is measured, by its type, in SQL that DuckDB and PostgreSQL share."""

import re
from dataclasses import dataclass
from datetime import datetime

from analytics_platform.adapters.failing_rows import plain
from analytics_platform.adapters.warehouse import Value
from analytics_platform.contracts.records import Scalar

# Greatest size of a number that counts: sums of 1e8 of them are doubles still.
_LARGEST = "1e300"
# Types whose values may be nan or inf, or too large for a double.
_UNBOUNDED = re.compile(r"^(double|real|float|numeric)\b", re.IGNORECASE)
_SINGLE = re.compile(r"^(real|float)\b", re.IGNORECASE)
_NUMBER = re.compile(
    r"^(u?(tiny|small|big|huge)?int(eger)?|double|real|float|decimal|numeric)\b",
    re.IGNORECASE,
)
_BOOLEAN = re.compile(r"^bool(ean)?\b", re.IGNORECASE)
_INSTANT = re.compile(r"^(date|timestamp(_\w+)?)\b", re.IGNORECASE)
_TIME = re.compile(r"^time\b", re.IGNORECASE)
_TEXT = re.compile(r"^(varchar|char|character|text)\b", re.IGNORECASE)
_RANGED = (_NUMBER, _BOOLEAN, _INSTANT, _TIME, _TEXT)


@dataclass(frozen=True)
class ProfiledColumn:
    """A column with the engine's name of its type."""

    name: str
    type: str
    is_personal: bool = False

    @property
    def is_number(self) -> bool:
        """Whether it has a mean, quantiles and a histogram."""
        return self._is(_NUMBER)

    @property
    def shows_range(self) -> bool:
        """Whether its smallest and largest value mean something and may be told."""
        return not self.is_personal and any(map(self._is, _RANGED))

    @property
    def value(self) -> str:
        """The column as it is grouped and compared; numbers without nan and inf.

        Texts in the order of their bytes, whatever the database's collation.
        """
        column = f'"{self.name}"'
        if self._is(_SINGLE):
            column = f"cast({column} as double precision)"
        if self._is(_UNBOUNDED):
            return f"case when abs({column}) <= {_LARGEST} then {column} end"
        if any(map(self._is, (_NUMBER, _BOOLEAN, _INSTANT, _TIME))):
            return column
        return f'cast({column} as varchar) collate "C"'

    @property
    def lowest(self) -> str:
        """The smallest value; that of false and true is false."""
        return self._aggregate("bool_and" if self._is(_BOOLEAN) else "min")

    @property
    def highest(self) -> str:
        """The largest value; that of false and true is true."""
        return self._aggregate("bool_or" if self._is(_BOOLEAN) else "max")

    def shown(self, value: Value) -> Scalar:
        """What `lowest` or `highest` gave, as JSON holds it; times in ISO 8601."""
        if value is None or not self._is(_INSTANT):
            return plain(value)
        return _instant(str(value))

    def _aggregate(self, function: str) -> str:
        found = f"{function}({self.value})"
        # As text: Python has no year 20130 and no infinity.
        return f"cast({found} as varchar)" if self._is(_INSTANT) else found

    def _is(self, kind: re.Pattern[str]) -> bool:
        return bool(kind.match(self.type)) and not self.type.endswith("]")


def _instant(text: str) -> str:
    """A timestamp with the T of ISO 8601; what Python cannot hold as it is."""
    if " " not in text:
        return text
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        return text
