"""Columns that arrived against those of the contract."""

import pytest

from analytics_platform.contracts.domain import ColumnType
from analytics_platform.core.schema_contract import (
    ArrivedType,
    SchemaMismatch,
    check_columns,
    fits,
)
from tests.support.ingestion import orders

TEXT = ArrivedType.TEXT
ALL = {"id": TEXT, "customer": TEXT, "amount": TEXT, "ordered_at": TEXT}


def test_the_declared_columns_are_accepted_in_any_order() -> None:
    check_columns(orders(), "a.csv", ALL)
    check_columns(orders(), "a.csv", dict(reversed(ALL.items())))


def test_every_problem_is_named_at_once() -> None:
    arrived = {**ALL, "price": TEXT, "ordered_at": ArrivedType.BOOLEAN}
    del arrived["amount"]
    with pytest.raises(SchemaMismatch) as raised:
        check_columns(orders(), "a.csv", arrived)
    error = raised.value
    assert (error.table, error.origin) == ("orders", "a.csv")
    assert error.missing == ["amount"]
    assert error.unexpected == ["price"]
    assert error.mistyped == {"ordered_at": ("boolean", "timestamp")}
    assert error.message == (
        "a.csv breaks the contract of orders: column amount is missing; "
        "column price is unexpected; "
        "column ordered_at holds boolean values, expected timestamp. "
        "Got columns id, customer, ordered_at, price; "
        "expected id, customer, amount, ordered_at."
    )


@pytest.mark.parametrize("expected", ColumnType)
def test_text_and_nulls_may_be_anything(expected: ColumnType) -> None:
    assert fits(ArrivedType.TEXT, expected)
    assert fits(ArrivedType.NULL, expected)
    assert not fits(ArrivedType.OTHER, expected)


def test_numbers_are_no_text_and_booleans_no_numbers() -> None:
    assert not fits(ArrivedType.INTEGER, ColumnType.STRING)
    assert not fits(ArrivedType.BOOLEAN, ColumnType.INTEGER)
    assert fits(ArrivedType.FLOAT, ColumnType.INTEGER)
