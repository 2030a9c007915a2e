"""Makes MLflow's embedded store whole or not at all."""

from analytics_platform.adapters.durable_files import flush
from analytics_platform.adapters.exclusive_lock import exclusive_lock
from analytics_platform.settings import Settings


def create_store(settings: Settings) -> None:
    """Make the tables of an embedded store that has none (two seconds).

    MLflow makes them in 1,800 statements, each committed alone; killed in between, it
    never opens that file again. So they are made in another file, which then gets the
    name. A store elsewhere is left to MLflow.
    """
    if settings.mlflow_url or settings.mlflow_path.exists():
        return
    path = settings.mlflow_path
    with exclusive_lock(path.with_suffix(".lock")):
        if path.exists():  # another process made it in the meantime
            return
        for left in path.parent.glob(f"{_partial(path.name)}*"):
            left.unlink()
        partial = path.with_name(_partial(path.name))
        _make_tables(f"sqlite:///{partial}", (path.parent / "artifacts").as_uri())
        flush(partial)
        partial.replace(path)
        flush(path.parent)


def _make_tables(url: str, artifacts: str) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    store = SqlAlchemyStore(url, artifacts)  # type: ignore[no-untyped-call]
    store.engine.dispose()


def _partial(name: str) -> str:
    return f".{name}.partial"
