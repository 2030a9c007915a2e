"""Another domain runs through the whole graph by changing two settings, by the day."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path

import pandas as pd
import pytest

from analytics_platform.adapters.semantic_layer import MetricRequest, SemanticLayer
from analytics_platform.settings import ROOT
from tests.domains.toy import DOMAIN
from tests.domains.toy.dataset import DATA, ZONE, write
from tests.support.platform_home import Built, PlatformHome, Ran

SETTINGS = {
    "ANALYTICS_DOMAIN": "tests.domains.toy",
    "ANALYTICS_DBT_PROJECT": str(ROOT / "tests/domains/toy/dbt_project"),
}
DAYS = [f"2010-09-{day:02}" for day in range(6, 31)] + ["2010-10-01"]
# Without events there is nothing to hold against the marts.
PARITY = {f"parity_{window.name}" for window in DOMAIN.live_windows}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> PlatformHome:
    return PlatformHome(tmp_path_factory.mktemp("toy"), SETTINGS)


@pytest.fixture(scope="module")
def whole_run(home: PlatformHome) -> Ran:
    return home.run("materialize")


@pytest.fixture(scope="module")
def built(home: PlatformHome, whole_run: Ran) -> PlatformHome:
    """A home in which everything was built once."""
    assert whole_run.code == 0, whole_run.printed
    return home


@pytest.fixture(scope="module")
def rentals() -> pd.DataFrame:
    """The source's rentals, their days and durations worked out by pandas."""
    found = pd.read_csv(DATA / "rentals.csv")
    for name in ("rented_at", "returned_at"):
        found[name] = pd.to_datetime(found[name], utc=True)
    found["day"] = found.rented_at.dt.tz_convert(ZONE).dt.date
    found["minutes"] = (found.returned_at - found.rented_at).dt.total_seconds() / 60
    found["known_at"] = found.returned_at.fillna(found.rented_at + timedelta(days=1))
    return found


def query(home: PlatformHome, sql: str) -> pd.DataFrame:
    with home.resources().warehouse.session() as session:
        frame: pd.DataFrame = session.arrow(sql).to_pandas()
        return frame


def once(assets: Iterable[str], parts: Iterable[str | None]) -> Built:
    """One materialization of each part of each asset."""
    return Counter(product(assets, parts))


def hours_between_midnights(day: date) -> int:
    midnights = (
        datetime(one.year, one.month, one.day, tzinfo=ZONE).astimezone(UTC)
        for one in (day, day + timedelta(days=1))
    )
    start, end = midnights
    return int((end - start) / timedelta(hours=1))


def test_the_committed_data_is_what_the_script_writes(tmp_path: Path) -> None:
    write(tmp_path)
    for name in ("stations.csv", "rentals.csv"):
        assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes()


def test_one_command_builds_every_asset_and_every_day(
    built: PlatformHome, whole_run: Ran
) -> None:
    notices = [line for line in whole_run.printed.splitlines() if "  new " in line]
    assert len(notices) == len(PARITY), notices
    for notice in notices:
        assert "there was nothing to judge" in notice
    days = [
        *("raw/rentals", "staging/stg_rentals", "marts/fct_rentals"),
        *("marts/mart_station_daily", "features/station_rentals"),
        "features/station_survey",
    ]
    wholes = [
        *("raw/stations", "staging/stg_stations", "marts/dim_stations"),
        *("marts/time_spine_daily", "models/training_set", "models/ride_minutes"),
        *("models/overdue_ride", "releases/ride_minutes", "releases/overdue_ride"),
        *("published/snapshot", "reports/bike_rentals", "raw/rides"),
    ]
    assert built.materialized() == once(days, DAYS) + once(wholes, [None])


def test_the_daily_mart_is_what_pandas_counts(
    built: PlatformHome, rentals: pd.DataFrame
) -> None:
    mart = query(built, "select * from marts.mart_station_daily")
    mart = mart.set_index(["station_code", "rental_date"]).sort_index()
    groups = rentals.groupby(["station_from", "day"])
    expected = pd.DataFrame(
        {
            "rentals": groups.size(),
            "returned_rentals": groups.minutes.count(),
            "overdue_rentals": groups.minutes.agg(lambda minutes: (minutes > 40).sum()),
            "mean_duration_minutes": groups.minutes.mean(),
        }
    ).sort_index()
    expected["overdue_share"] = expected.overdue_rentals / expected.returned_rentals
    days = expected.index.get_level_values("day")
    expected["rentals_per_hour"] = expected.rentals / days.map(hours_between_midnights)
    expected["partition_date"] = days
    mart.index = pd.MultiIndex.from_tuples(
        [(code, pd.Timestamp(day).date()) for code, day in mart.index],
        names=expected.index.names,
    )
    mart["partition_date"] = pd.to_datetime(mart.partition_date).dt.date
    pd.testing.assert_frame_equal(
        mart[list(expected)], expected, check_dtype=False, rtol=1e-12
    )


def test_days_have_23_and_25_hours_where_clocks_are_changed(
    built: PlatformHome, rentals: pd.DataFrame
) -> None:
    hours = query(
        built,
        "select distinct cast(rental_date as varchar) as day, hours_in_day "
        "from marts.mart_station_daily",
    )
    found = dict(zip(hours.day, hours.hours_in_day, strict=True))
    other = {"2010-09-10": 23, "2010-09-30": 25}
    assert found == {day: other.get(day, 24) for day in DAYS}
    clocks = query(
        built,
        "select cast(partition_date as varchar) as day, rental_hour_local as hour, "
        "count(*) as n from marts.fct_rentals group by all",
    ).set_index(["day", "hour"])["n"]
    assert ("2010-09-10", 0) not in clocks.index, "the hour from midnight was skipped"
    local = rentals.rented_at.dt.tz_convert(ZONE)
    late = (local.dt.strftime("%Y-%m-%d %H") == "2010-09-30 23").sum()
    assert clocks["2010-09-30", 23] == late
    assert late == 8, "both hours that were called 23"


def test_features_are_what_was_known_when_the_rental_began(
    built: PlatformHome, rentals: pd.DataFrame
) -> None:
    features = query(
        built, "select * from features.station_rentals order by rental_key"
    ).set_index("rental_key")
    day = timedelta(days=1)
    for rental in rentals.iloc[::17].to_dict("records"):
        known = rentals[
            (rentals.station_from == rental["station_from"])
            & (rentals.known_at <= rental["rented_at"])
            & (rentals.known_at > rental["rented_at"] - day)
        ]
        found = features.loc[rental["rental_id"]]
        assert found.casual_rentals_1d == (known.rider == "casual").sum()
        assert found.mean_duration_1d == pytest.approx(
            known.minutes.mean(), nan_ok=True
        )


def test_a_survey_counts_from_the_instant_it_was_made(built: PlatformHome) -> None:
    unknown = query(
        built,
        "select station_code, max(cutoff) as last from features.station_survey "
        "where elevation is null group by all",
    )
    ((code, last),) = unknown.itertuples(index=False)
    assert code == "HEL"
    assert datetime(2010, 9, 15) < last < datetime(2010, 9, 16, 7)  # noqa: DTZ001 - UTC


def test_the_status_of_everything_but_the_live_side_is_green(
    built: PlatformHome,
) -> None:
    told = built.run("status", "--json")
    assert told.code == 0
    for asset in json.loads(told.printed):
        good = ("warning",) if asset["asset"] == "raw/rides" else ("green", "none")
        assert asset["checks"] in good, asset
        assert asset["freshness"] == "fresh", asset
        assert asset["partitions"] in (None, len(DAYS)), asset
        assert asset["partitions"] == asset["partitions_begun"], asset


def test_each_declared_check_was_evaluated_for_each_day(built: PlatformHome) -> None:
    verdicts = built.resources().store.verdicts.latest()
    failed = {verdict.check for verdict in verdicts if not verdict.passed}
    assert failed == PARITY
    judged = {(one.asset, one.check, one.partition) for one in verdicts}
    for check in ("contract", "shorter_than_a_day", "rider_is_known"):
        assert {("raw/rentals", check, day) for day in DAYS} <= judged
    for check in ("unique_fct_rentals_rental_key", "not_null_fct_rentals_rental_key"):
        assert {("marts/fct_rentals", check, day) for day in DAYS} <= judged
    for part in ("contract", "bank_is_known"):
        assert ("raw/stations", part, None) in judged


def test_lineage_covers_every_asset_and_column(built: PlatformHome) -> None:
    told = built.run("lineage", "--json")
    lineage = json.loads(told.printed)
    assert lineage["unparsed"] == []
    for name, coverage in lineage["coverage"].items():
        assert coverage["share"] == 1.0, (name, coverage["unknown"])
        assert coverage["total"] > 0
    edges = lineage["column_edges"]
    assert ["raw/rentals.rented_at", "staging/stg_rentals.rented_at_utc"] in edges


def test_both_models_are_released(built: PlatformHome) -> None:
    store = built.resources().store
    for model in DOMAIN.models:
        release = store.releases.current(f"model/{model.name}")
        assert release is not None
        manifest = built.folder / "artifacts/models" / model.name / release.version
        assert (manifest / "model.onnx").exists()
    store.ledger.verify()


def test_the_snapshot_is_current_and_answers_metrics(
    built: PlatformHome, rentals: pd.DataFrame
) -> None:
    snapshot = built.resources().snapshots.current()
    assert snapshot is not None
    assert snapshot.manifest.status == "green"
    assert snapshot.manifest.domain == "bikes"
    rows = {table.name: table.rows for table in snapshot.manifest.tables}
    assert rows["fct_rentals"] == len(rentals) == rows["station_rentals"]
    layer = SemanticLayer(snapshot.semantic_manifest)
    asked = MetricRequest(("rentals", "overdue_share"), ("station__station_name",))
    found = query(built, layer.sql(asked)).set_index("station__station_name")
    maadi = rentals[rentals.station_from == "MAA"]
    assert found.loc["Maadi", "rentals"] == len(maadi)
    overdue = (maadi.minutes > 40).sum() / maadi.minutes.count()
    assert found.loc["Maadi", "overdue_share"] == pytest.approx(overdue)


def test_the_report_holds_no_address_outside_itself(built: PlatformHome) -> None:
    (page,) = (built.folder / "artifacts/reports").rglob("report.html")
    text = page.read_text()
    assert "Bike rentals" in text
    assert "Days that are not 24 hours long" in text
    assert not re.search(r"https?:|@import|(src|href)=[\"'](?!#|data:)", text)


BAD_DAY = "2010-09-15"
# Features there look back a day, and event time may be off by two more.
READERS = {BAD_DAY, "2010-09-16", "2010-09-17", "2010-09-18"}
SOME_DAYS = {f"2010-09-{day}" for day in range(13, 21)}
SELECTION = '+key:"features/*" or +key:"marts/mart_station_daily"'


@pytest.fixture
def own(
    built: PlatformHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> PlatformHome:
    """A home of the toy, with data that a test may change."""
    # The project is the same: what dbt has compiled need not be compiled again.
    shutil.copytree(built.folder / "dbt", tmp_path / "home" / "dbt")
    package = tmp_path / "packages" / "own_bikes"
    shutil.copytree(DATA, package / "data")
    (package / "__init__.py").write_text(
        "from tests.domains.toy import DOMAIN as TOY\n"
        "def _own(table):\n"
        "    source = table.source.model_copy(update={'package': 'own_bikes'})\n"
        "    return table.model_copy(update={'source': source})\n"
        "tables = tuple(map(_own, TOY.tables))\n"
        "DOMAIN = TOY.model_copy(update={'tables': tables})\n"
    )
    monkeypatch.syspath_prepend(str(package.parent))
    own = {**SETTINGS, "ANALYTICS_DOMAIN": package.name}
    return PlatformHome(tmp_path / "home", own)


@pytest.fixture
def own_rentals(own: PlatformHome) -> Path:
    return own.folder.parent / "packages" / "own_bikes" / "data" / "rentals.csv"


def test_a_bad_row_makes_one_red_day_and_its_repair_builds_no_other(
    own: PlatformHome, own_rentals: Path
) -> None:
    good = own_rentals.read_text()
    begun_then = re.compile(rf"^((\w+,){{4}}{BAD_DAY}T.*),member$", re.MULTILINE)
    own_rentals.write_text(begun_then.sub(r"\1,stranger", good, count=1))

    some = ("--select", SELECTION, "--from", min(SOME_DAYS), "--to", max(SOME_DAYS))
    first = own.run("materialize", *some)

    assert first.code == 3, first.printed
    assert f"raw/rentals: {BAD_DAY}" in first.logged
    built = own.materialized()
    others = SOME_DAYS - {BAD_DAY}
    loaded = ("raw/rentals", "staging/stg_rentals")
    marts = ("marts/fct_rentals", "marts/mart_station_daily")
    wholes = ("raw/stations", "staging/stg_stations", "marts/dim_stations")
    by_day = (*loaded, *marts, "features/station_survey")
    read_back = ["features/station_rentals"]
    assert built == (
        once(wholes, [None])
        + once(by_day, others)
        + once(read_back, SOME_DAYS - READERS)
    )
    (entry,) = own.resources().store.quarantine.open()
    assert (entry.table, entry.partition) == ("rentals", BAD_DAY)

    own_rentals.write_text(good)
    second = own.run("materialize", "--missing", *some)

    assert second.code == 0, second.printed
    repaired = own.materialized() - built
    assert repaired == once(by_day, [BAD_DAY]) + once(read_back, READERS)
    assert own.resources().store.quarantine.open() == []


def test_a_replay_loads_what_is_known_of_the_days_that_are_over(
    tmp_path: Path, rentals: pd.DataFrame
) -> None:
    now = datetime(2010, 9, 30, 22, 5, tzinfo=UTC)  # 00:05 there, on the first
    clock = {"ANALYTICS_CLOCK": f"replay:{now.isoformat()}@60"}
    home = PlatformHome(tmp_path, {**SETTINGS, **clock})
    ran = home.run(
        *("materialize", "--select", 'key:"raw/rentals"', "--from", "2010-09-29")
    )
    assert ran.code == 0, ran.printed
    told = home.run("status", "--json")
    assert {one["checks"] for one in json.loads(told.printed)} == {"green", "none"}
    assert {day for _, day in home.materialized()} == {"2010-09-29", "2010-09-30"}
    loaded = query(home, "select rental_id from raw.rentals")
    recent = rentals[rentals.day >= date(2010, 9, 29)]
    known = recent[recent.known_at <= now]
    assert set(loaded.rental_id) == set(known.rental_id)
    assert len(known) < len(recent[recent.rented_at <= now]), "some are still out"
