"""The contract gate: exact casts, nulls, keys, rules, and that no row is lost."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_platform.adapters.contract_gate import gate
from analytics_platform.contracts.domain import Column, ColumnType, TableSpec
from analytics_platform.core.contract_gate import LINE, REASON, Scope
from analytics_platform.core.schema_contract import SchemaMismatch
from analytics_platform.errors import InvalidUsage
from tests.support.ingestion import COLUMNS, orders

YEAR = Scope(date(2013, 1, 1), date(2014, 1, 1))


def one_column(kind: ColumnType) -> TableSpec:
    columns = (Column(name="value", type=kind, description="A value."),)
    plain = {"key": ("value",), "partition_date": None, "known_at": None, "rules": ()}
    return orders(columns=columns, **plain)


def judged(kind: ColumnType, value: object, type_: pa.DataType | None = None) -> object:
    """The value in the expected type; the reason if it does not fit."""
    rows = pa.table({"value": pa.array([value], type_)})
    with gate(one_column(kind), rows, Scope(), origin="test") as gated:
        good = gated.good()["value"].to_pylist()
        if good:
            return good[0]
        reason: str = gated.refused()[REASON][0].as_py()
        return reason


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12), (" 12 ", 12), ("-3", -3), ("12.0", 12), ("1e3", 1000)],
)
def test_a_text_that_is_a_whole_number_is_that_number(text: str, number: int) -> None:
    assert judged(ColumnType.INTEGER, text) == number


@pytest.mark.parametrize(
    "text", ["1.5", "x", "", "0x1F", "true", "9223372036854775808", "nan", "1,5"]
)
def test_a_text_that_is_no_whole_number_is_refused(text: str) -> None:
    assert judged(ColumnType.INTEGER, text) == f"value: got {text}, expected integer"


def test_numbers_are_never_rounded() -> None:
    assert judged(ColumnType.INTEGER, 2.0) == 2
    assert judged(ColumnType.INTEGER, 1.5) == "value: got 1.5, expected integer"
    assert judged(ColumnType.INTEGER, Decimal("3.00")) == 3
    assert "expected integer" in str(judged(ColumnType.INTEGER, Decimal("3.01")))
    assert judged(ColumnType.FLOAT, 2**53) == 2.0**53
    assert "expected float" in str(judged(ColumnType.FLOAT, 2**53 + 1))
    unsigned = judged(ColumnType.INTEGER, 2**64 - 1, pa.uint64())
    assert "expected integer" in str(unsigned)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "inf", "NaN", "1.5.1"])
def test_a_float_is_a_finite_number(value: object) -> None:
    assert "expected float" in str(judged(ColumnType.FLOAT, value))


@pytest.mark.parametrize(("text", "value"), [("true", True), ("f", False), ("1", True)])
def test_words_for_true_and_false_are_read(text: str, value: bool) -> None:  # noqa: FBT001
    assert judged(ColumnType.BOOLEAN, text) is value


@pytest.mark.parametrize("value", ["maybe", "2", 2])
def test_other_words_are_no_boolean(value: object) -> None:
    assert "expected boolean" in str(judged(ColumnType.BOOLEAN, value))


def test_a_date_has_no_time_of_day() -> None:
    day = date(2013, 2, 28)
    assert judged(ColumnType.DATE, "2013-02-28") == day
    assert judged(ColumnType.DATE, day) == day
    midnight = datetime(2013, 2, 28)  # noqa: DTZ001
    assert judged(ColumnType.DATE, midnight) == day
    for value in ("2013-02-30", "2013-02-28 10:00", midnight.replace(hour=1), "x"):
        assert "expected date" in str(judged(ColumnType.DATE, value))


def test_instants_become_naive_utc() -> None:
    expected = datetime(2013, 7, 1, 10)  # noqa: DTZ001
    aware = datetime(2013, 7, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    for value in ("2013-07-01T12:00:00+02:00", "2013-07-01 10:00", aware, expected):
        assert judged(ColumnType.TIMESTAMP, value) == expected
    for value in ("2013-07-01T25:00", "infinity", "soon"):
        assert "expected timestamp" in str(judged(ColumnType.TIMESTAMP, value))


def test_a_kind_of_value_that_cannot_fit_refuses_the_load() -> None:
    with pytest.raises(
        SchemaMismatch, match="value holds integer values, expected str"
    ):
        judged(ColumnType.STRING, 1)
    with pytest.raises(SchemaMismatch, match="nested or binary"):
        judged(ColumnType.INTEGER, [1])


def arrived(*rows: tuple[object, ...]) -> pa.Table:
    columns = zip(*rows, strict=True)
    texts = [[None if v is None else str(v) for v in column] for column in columns]
    arrays = [pa.array(column, pa.string()) for column in texts]
    return pa.table(arrays, names=list(COLUMNS))


def reasons(*rows: tuple[object, ...], scope: Scope = YEAR) -> list[str]:
    with gate(orders(), arrived(*rows), scope, origin="test") as gated:
        found: list[str] = gated.refused()[REASON].to_pylist()
        return found


def test_each_reason_of_a_row_is_told() -> None:
    assert reasons((None, "Ann", "x", "2013-01-05")) == [
        "id: got null, expected integer; amount: got x, expected float"
    ]


def test_personal_values_are_not_told() -> None:
    customer = orders().columns[1].model_copy(update={"type": ColumnType.INTEGER})
    columns = (orders().columns[0], customer, *orders().columns[2:])
    rows = arrived((1, "Ann", 1, "2013-01-05"))
    with gate(orders(columns=columns), rows, YEAR, origin="test") as gated:
        told = gated.refused()[REASON].to_pylist()
        samples = gated.samples(10)[date(2013, 1, 1)]
    assert told == ["customer: got ***, expected integer"]
    assert samples[0]["customer"] == "***"


def test_a_broken_rule_tells_its_reason() -> None:
    assert reasons((1, "Ann", -1, "2013-01-05")) == ["the amount is negative"]


def test_equal_keys_are_refused_though_one_of_the_rows_is_bad() -> None:
    told = reasons((1, "Ann", 1, "2013-01-05"), (1, "Ann", "x", "2013-01-05"))
    assert told == [
        "the key (id) occurs more than once",
        "amount: got x, expected float; the key (id) occurs more than once",
    ]


def test_a_row_outside_is_ignored_or_refused_as_asked() -> None:
    row = (1, "Ann", 1, "2014-01-01")
    assert reasons(row) == []
    strict = Scope(date(2013, 1, 1), date(2014, 1, 1), outside="refuse")
    assert reasons(row, scope=strict) == ["the row is outside 2013-01-01 to 2014-01-01"]


def test_weeks_begin_on_sunday() -> None:
    rows = arrived((1, "A", 1, "2013-01-05"), (2, "B", 1, "2013-01-06"))
    weeks = Scope(date(2012, 12, 30), date(2014, 1, 1), grain="week")
    with gate(orders(), rows, weeks, origin="test") as gated:
        assert dict(gated.rows) == {date(2012, 12, 30): 1, date(2013, 1, 6): 1}


def test_a_cursor_stops_before_the_first_row_not_known_yet() -> None:
    """now = 12:00; known: 10:00, 13:00, 11:00 in the order of the cursor.

    The third is known, but taking it would skip the second for ever.
    """
    spec = orders(known_at="ordered_at", partition_date=None)
    rows = arrived(
        (1, "A", 1, "2013-01-05T10:00"),
        (2, "A", 1, "2013-01-05T13:00"),
        (3, "A", 1, "2013-01-05T11:00"),
    )
    now = datetime(2013, 1, 5, 12, tzinfo=UTC)
    scope = Scope(now=now, cursor="id")
    with gate(spec, rows, scope, origin="test") as gated:
        assert gated.good()["id"].to_pylist() == [1]


def test_a_line_that_could_not_be_cut_is_refused_with_its_text() -> None:
    rows = arrived((1, "Ann", 1, "2013-01-05"))
    line = pa.table({LINE: ["1,2,3,4,5"]})
    both = pa.concat_tables([rows, line], promote_options="default")
    with gate(orders(), both, YEAR, origin="test") as gated:
        (kept,) = gated.refused().to_pylist()
        assert gated.good_rows == 1
    assert kept[LINE] == "1,2,3,4,5"
    assert kept[REASON].startswith("the line cannot be cut into columns")


def test_names_that_a_warehouse_would_change_are_refused() -> None:
    spec = one_column(ColumnType.INTEGER)
    renamed = spec.columns[0].model_copy(update={"name": "orderId"})
    spec = spec.model_copy(update={"columns": (renamed,), "key": ("orderId",)})
    rows = pa.table({"orderId": [1]})
    with pytest.raises(InvalidUsage), gate(spec, rows, Scope(), origin="test"):
        pass


_TEXTS = st.none() | st.sampled_from(
    [
        "1",
        "2",
        "3",
        "1.5",
        "-1",
        "x",
        "",
        "2013-01-05",
        "2013-02-30",
        "2013-03-09T01:00",
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(_TEXTS, _TEXTS, _TEXTS, _TEXTS), min_size=1, max_size=12))
def test_every_row_is_good_or_refused_with_a_reason(
    rows: list[tuple[object, ...]],
) -> None:
    everything = Scope(date(2013, 1, 1), date(2014, 1, 1), outside="refuse")
    with gate(orders(), arrived(*rows), everything, origin="test") as gated:
        good, refused = gated.good(), gated.refused()
        assert len(good) + len(refused) == len(rows)
        assert good.num_rows == gated.good_rows
        assert all(refused[REASON].to_pylist())
        assert len(set(good["id"].to_pylist())) == len(good)
        as_arrived = [tuple(row[c] for c in COLUMNS) for row in refused.to_pylist()]
    expected = [row for row in rows if not _is_good(row, rows)]
    assert as_arrived == expected


def _is_good(row: tuple[object, ...], rows: list[tuple[object, ...]]) -> bool:
    """An oracle in Python: whole id, not twice; amount a number >= 0; a day."""
    ids = [_number(other[0]) for other in rows]
    id_, amount = _number(row[0]), _number(row[2])
    return (
        id_ is not None
        and id_ == int(id_)
        and ids.count(id_) == 1
        and (row[2] is None or (amount is not None and amount >= 0))
        and row[3] in ("2013-01-05", "2013-03-09T01:00")
    )


def _number(text: object) -> float | None:
    try:
        return float(str(text))
    except ValueError:
        return None
