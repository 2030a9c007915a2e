"""What a command sets up before it opens anything: environment, folders, logging."""

import os
from pathlib import Path

from analytics_platform.observability import configure_logging
from analytics_platform.settings import ROOT, Settings, load_settings

# Every tool that would report its use to its makers, told not to.
TELEMETRY_OFF = {
    "DAGSTER_DISABLE_TELEMETRY": "yes",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "BENTOML_DO_NOT_TRACK": "True",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "GX_ANALYTICS_ENABLED": "false",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
}

# Waiting threads of LightGBM's OpenMP sleep instead of spinning: on a busy machine a
# training took a sixth of the processor time.
OPENMP = {"OMP_WAIT_POLICY": "PASSIVE"}


def prepare() -> Settings:
    """Read the settings and make this process ready to use the platform.

    Raises:
        InvalidConfiguration: a setting is unknown or cannot be used.
    """
    settings = load_settings()
    os.environ.update(TELEMETRY_OFF | OPENMP)
    os.environ.setdefault("ANALYTICS_HOME", str(settings.home))
    os.environ.update(dagster_environment(settings))
    settings.home.mkdir(parents=True, exist_ok=True)
    settings.inbox_path.mkdir(parents=True, exist_ok=True)
    configure_logging(format=settings.logs.format, level=settings.logs.level)
    return settings


def dagster_environment(settings: Settings) -> dict[str, str]:
    """Where Dagster finds its instance file and keeps its storage."""
    storage = settings.home / "dagster"
    storage.mkdir(parents=True, exist_ok=True)
    instance_home = Path(os.environ.get("DAGSTER_HOME") or ROOT)
    return {"DAGSTER_HOME": str(instance_home), "DAGSTER_STORAGE": str(storage)}


def migrated_control_store(settings: Settings) -> None:
    """Bring the control store's tables up to date."""
    from analytics_platform.adapters.control_store.migrations import migrate

    migrate(settings.control_store_url)


def migrated_stream_state(settings: Settings) -> None:
    """Bring the tables of the stream's state and results up to date."""
    from analytics_platform.adapters.control_store.migrations import migrate

    migrate(settings.stream_state_url)
