"""One Great Expectations batch: a query's rows, validated inside the warehouse."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa

from analytics_platform.contracts.domain import Expectation
from analytics_platform.errors import InvalidUsage

if TYPE_CHECKING:
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import (
        ExpectationConfiguration,
    )

SQL_EXPECTATION = "unexpected_rows_expectation"
SAMPLE_ROWS = 10
_JOIN = re.compile(r"\bjoin\b", re.IGNORECASE)


@dataclass(frozen=True)
class Finding:
    """What Great Expectations says of one expectation on one batch.

    `failing_rows` is None where the expectation judges a figure, not rows. `error` says
    why it could not be evaluated; it has not passed then.
    """

    passed: bool
    failing_rows: int | None = None
    observed: object = None
    rows: tuple[Mapping[str, object], ...] = ()
    error: str | None = None


def configuration_of(expectation: Expectation) -> "ExpectationConfiguration":
    """Great Expectations' own configuration of a declared expectation.

    Raises:
        InvalidUsage: there is no such expectation, or its arguments do not fit it.
    """
    from great_expectations.exceptions.exceptions import GreatExpectationsError
    from great_expectations.expectations.expectation_configuration import (
        ExpectationConfiguration,
    )

    configuration = ExpectationConfiguration(
        type=expectation.type,
        kwargs=_arguments(expectation),
        meta={"check": expectation.name},
    )
    try:
        configuration.to_domain_obj()
    except (GreatExpectationsError, ValueError) as error:
        raise InvalidUsage(
            f"The check {expectation.name!r} ({expectation.type}) cannot be used: "
            f"{error}",
            hint="Write type and arguments as Great Expectations 1.x names them.",
        ) from error
    return configuration


@dataclass(frozen=True)
class ExpectationBatch:
    """The rows of `query`, a select of one relation, read through `engine`."""

    engine: sa.Engine
    query: str
    _validator: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        from great_expectations.core.batch import Batch
        from great_expectations.execution_engine.sqlalchemy_batch_data import (
            SqlAlchemyBatchData,
        )
        from great_expectations.execution_engine.sqlalchemy_execution_engine import (
            SqlAlchemyExecutionEngine,
        )
        from great_expectations.validator.validator import Validator

        execution = SqlAlchemyExecutionEngine(
            engine=self.engine, create_temp_table=False
        )
        data = SqlAlchemyBatchData(
            execution_engine=execution, query=self.query, create_temp_table=False
        )
        validator = Validator(
            execution_engine=execution, batches=[Batch(data=cast(Any, data))]
        )
        validator.metrics_calculator.show_progress_bars = False
        object.__setattr__(self, "_validator", validator)

    def holds(self, expectations: Sequence[Expectation]) -> dict[str, Finding]:
        """Whether each check passes, by its name; the cheapest form of the question."""
        return self._evaluate(expectations, {"result_format": "BOOLEAN_ONLY"})

    def examine(self, expectations: Sequence[Expectation]) -> dict[str, Finding]:
        """Each check's finding by its name, with figures, counts and failing rows."""
        sql = [one for one in expectations if one.type == SQL_EXPECTATION]
        others = [one for one in expectations if one.type != SQL_EXPECTATION]
        return self._evaluate(sql, {"result_format": "COMPLETE"}) | self._evaluate(
            others,
            {
                "result_format": "BASIC",
                "include_unexpected_rows": True,
                "partial_unexpected_count": SAMPLE_ROWS,
            },
        )

    def failing(self, expectation: Expectation) -> sa.Subquery:
        """The rows that a row-by-row expectation rejects, by its own condition."""
        if expectation.type == SQL_EXPECTATION:
            query = str(expectation.arguments["unexpected_rows_query"])
            text = query.rstrip("; \n").format(batch=f"({self.query})")
            return sa.text(text).columns().subquery("failing")
        condition, domain = self._condition(configuration_of(expectation))
        records = self._validator.execution_engine.get_domain_records(domain)
        if isinstance(records, sa.Select):
            records = records.subquery()
        rejected = sa.select(sa.text("*")).select_from(records).where(condition)
        return rejected.subquery("failing")

    def _condition(
        self, configuration: "ExpectationConfiguration"
    ) -> tuple[sa.ColumnElement[bool], dict[str, object]]:
        from great_expectations.validator.metric_configuration import (
            MetricConfiguration,
        )

        domain_object: Any = configuration.to_domain_obj()
        count = domain_object.get_validation_dependencies(
            execution_engine=self._validator.execution_engine
        ).get_metric_configuration(f"{domain_object.map_metric}.unexpected_count")
        condition, compute, accessor = self._validator.get_metric(
            MetricConfiguration(
                f"{domain_object.map_metric}.condition",
                count.metric_domain_kwargs,
                count.metric_value_kwargs,
            )
        )
        return condition, {**compute, **accessor}

    def _evaluate(
        self, expectations: Sequence[Expectation], result_format: dict[str, object]
    ) -> dict[str, Finding]:
        found = self._run(expectations, result_format)
        # Great Expectations computes many metrics in one statement, so one check that
        # cannot be evaluated takes others with it: ask again, one by one.
        broken = [one for one in expectations if found[one.name].error]
        if len(expectations) > 1:
            for expectation in broken:
                found |= self._run([expectation], result_format)
        return found

    def _run(
        self, expectations: Sequence[Expectation], result_format: dict[str, object]
    ) -> dict[str, Finding]:
        if not expectations:
            return {}
        results = self._validator.graph_validate(
            configurations=[configuration_of(one) for one in expectations],
            runtime_configuration={"result_format": result_format},
        )
        return {
            result.expectation_config.meta["check"]: _finding(result)
            for result in results
        }


def _arguments(expectation: Expectation) -> dict[str, object]:
    """The declared arguments; in a query, `{batch}` always takes the query's own alias.

    Great Expectations adds one of its own to the batch, but not if the query joins.
    """
    arguments = dict(expectation.arguments)
    query = arguments.get("unexpected_rows_query")
    if isinstance(query, str):
        alias = " batch_rows" if _JOIN.search(query) else ""
        rows = f"(select * from {{batch}}{alias})"
        arguments["unexpected_rows_query"] = query.replace("{batch}", rows)
    return arguments


def _finding(result: "ExpectationValidationResult") -> Finding:
    error = _error(result.exception_info or {})
    if error:
        return Finding(passed=False, error=error)
    figures = result.result or {}
    rows = figures.get("unexpected_rows") or (figures.get("details") or {}).get(
        "unexpected_rows", ()
    )
    configuration = result.expectation_config
    is_sql = configuration is not None and configuration.type == SQL_EXPECTATION
    return Finding(
        passed=bool(result.success),
        failing_rows=figures.get("observed_value" if is_sql else "unexpected_count"),
        observed=figures.get("observed_value"),
        rows=tuple(dict(row) for row in rows[:SAMPLE_ROWS]),
    )


def _error(information: Mapping[str, Any]) -> str | None:
    """The first exception's message; it is nested by metric where metrics failed."""
    if "raised_exception" in information:
        candidates = [information]
    else:
        candidates = [each for each in information.values() if isinstance(each, dict)]
    for candidate in candidates:
        if candidate.get("raised_exception"):
            return str(candidate.get("exception_message") or "unknown error")
    return None
