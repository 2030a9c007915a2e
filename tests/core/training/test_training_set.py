"""The hash of a training set follows its content and nothing else."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from analytics_platform.core.training.columns import CUTOFF
from analytics_platform.core.training.training_set import TrainingSet
from tests.support.model_domain import orders, training_table


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return training_table(orders(days=5))


def test_chunks_and_integer_widths_do_not_matter(table: pa.Table) -> None:
    chunked = pa.concat_tables([table.slice(0, 7), table.slice(7)])
    place = table.column_names.index("hour")
    narrow = table.set_column(place, "hour", table["hour"].cast(pa.int16()))
    hashes = {TrainingSet.of(one).sha256() for one in (table, chunked, narrow)}
    assert len(hashes) == 1


def test_what_lies_under_a_null_does_not_matter() -> None:
    cutoff = pa.array([0, 1], pa.timestamp("us"))
    nothing = np.array([False, True])
    tables = [
        pa.table({CUTOFF: cutoff, "a": pa.array(np.array([1.0, hidden]), mask=nothing)})
        for hidden in (2.0, 3.0)
    ]
    first, second = (TrainingSet.of(one).sha256() for one in tables)
    assert first == second


def test_the_last_bits_of_a_sum_do_not_matter(table: pa.Table) -> None:
    place = table.column_names.index("weight")
    nudged = pa.array(
        np.nextafter(table["weight"].to_numpy(), np.inf), from_pandas=True
    )
    other = table.set_column(place, "weight", nudged)
    assert TrainingSet.of(table).sha256() == TrainingSet.of(other).sha256()


@pytest.mark.parametrize("name", training_table(orders(days=1)).column_names)
def test_every_value_matters(table: pa.Table, name: str) -> None:
    values = table[name].to_pylist()
    values[3] = values[4] if values[3] != values[4] else values[5]
    values[3] = None if values[3] == table[name][3].as_py() else values[3]
    changed = pa.array(values, table[name].type)
    other = table.set_column(table.column_names.index(name), name, changed)
    assert TrainingSet.of(table).sha256() != TrainingSet.of(other).sha256()


def test_a_null_is_not_a_zero_and_a_moved_letter_is_another_text() -> None:
    cutoff = pa.array([0, 1], pa.timestamp("us"))
    hashes = [
        TrainingSet.of(pa.table({CUTOFF: cutoff, "a": values})).sha256()
        for values in (
            pa.array([0, None], pa.int64()),
            pa.array([0, 0], pa.int64()),
            pa.array(["ab", "c"]),
            pa.array(["a", "bc"]),
            pa.array(["", None]),
            pa.array(["", ""]),
        )
    ]
    assert len(set(hashes)) == len(hashes)


def test_order_and_names_matter(table: pa.Table) -> None:
    turned = table.take(pa.array(range(table.num_rows - 1, -1, -1)))
    renamed = table.rename_columns([*table.column_names[:-1], "other"])
    hashes = {TrainingSet.of(one).sha256() for one in (table, turned, renamed)}
    assert len(hashes) == 3


def test_cut_offs_lie_ahead_of_the_tables_instants(table: pa.Table) -> None:
    early = TrainingSet.of(table, timedelta(hours=2)).cutoffs
    moved = TrainingSet.of(table).cutoffs - early
    assert (moved == np.timedelta64(2, "h")).all()
