"""The typed settings tree, read once per process from ANALYTICS_* and .env."""

import os
from pathlib import Path
from typing import Literal, Self

from dotenv import dotenv_values
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from analytics_platform.clock import parse_clock
from analytics_platform.errors import InvalidConfiguration, InvalidUsage

PREFIX = "ANALYTICS_"
ROOT = Path(__file__).resolve().parents[1]
_NESTED = "__"


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WarehouseSettings(_Group):
    """Where tables live, and how much of the machine queries may use."""

    kind: Literal["duckdb", "postgres", "snowflake", "bigquery", "redshift"] = Field(
        "duckdb", description="Warehouse engine; also the dbt target's name."
    )
    url: SecretStr | None = Field(
        None,
        description="SQLAlchemy URL of a server warehouse; DuckDB needs none and "
        "uses <home>/warehouse.duckdb.",
    )
    threads: int = Field(
        2, ge=1, description="Threads that DuckDB, dbt and LightGBM may use."
    )
    memory_limit: str = Field("1GB", description="DuckDB's memory limit, such as 1GB.")


class PortSettings(_Group):
    """TCP ports on which the parts of the platform listen."""

    dagster: int = Field(3000, ge=1, le=65535, description="Dagster's web interface.")
    mlflow: int = Field(5001, ge=1, le=65535, description="MLflow's web interface.")
    kafka: int = Field(
        9092, ge=1, le=65535, description="The Kafka node that the platform starts."
    )
    sidecar: int = Field(
        8010, ge=1, le=65535, description="The sidecar: live page, WebSocket, metrics."
    )


class LogSettings(_Group):
    """How log lines look and which are kept."""

    format: Literal["auto", "console", "json"] = Field(
        "auto", description="auto: readable in a terminal, JSON elsewhere."
    )
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="The least severe level that is written."
    )


class SnapshotSettings(_Group):
    """How many published versions stay, and for how long after being replaced."""

    keep: int = Field(5, ge=1, description="Newest published versions that are kept.")
    grace_seconds: int = Field(
        3600, ge=0, description="A replaced version is kept this long for its readers."
    )


class TrainingSettings(_Group):
    """What makes training repeatable, and how much of it stays."""

    seed: int = Field(20130101, description="Seed of every random choice in training.")
    keep_sets: int = Field(
        5,
        ge=1,
        description="Newest training sets that are kept, beside those of the released "
        "models and their challengers.",
    )


class PushSettings(_Group):
    """How live results reach subscribers, and what a subscriber may cost."""

    host: str = Field("127.0.0.1", description="Address on which the sidecar listens.")
    allowed_origins: tuple[str, ...] = Field(
        (),
        description="Origins of other sites' pages that may connect, as a JSON list, "
        'such as ["https://board.example"]. The sidecar\'s own page always may.',
    )
    redis_url: SecretStr | None = Field(
        None,
        description="Redis through which several sidecars push the same messages. "
        "Unset: one sidecar, which needs none.",
    )
    ticket_seconds: int = Field(
        30, ge=1, le=600, description="A one-time ticket is good for this long."
    )
    heartbeat_seconds: float = Field(
        15, gt=0, description="An idle client hears from the server this often."
    )
    stall_seconds: float = Field(
        10, gt=0, description="A client that takes nothing for this long is dropped."
    )
    frame_ms: float = Field(
        5, ge=0, description="Least time between two frames to a client."
    )
    max_clients: int = Field(
        2000, ge=1, description="Clients at once; one more is answered 503."
    )


class StreamingSettings(_Group):
    """Which broker events go through, and what is kept of what was made of them."""

    brokers: str | None = Field(
        None,
        description="Bootstrap servers of a Kafka cluster, as host:port, separated by "
        "commas. Unset: the platform starts the Kafka of `make kafka`, else its "
        "embedded broker.",
    )
    kafka: Path = Field(
        ROOT / ".kafka", description="Folder in which `make kafka` assembles Kafka."
    )
    partitions: int = Field(
        4, ge=1, le=1000, description="Partitions of the topics that replay creates."
    )
    group: str = Field(
        "analytics-sidecar", description="Consumer group of the sidecars."
    )
    member: str | None = Field(
        None,
        description="What this sidecar is called in its group, unique in it and the "
        "same at each start: it keeps its partitions over a restart. Unset: no name.",
    )
    session_seconds: float = Field(
        10,
        ge=1,
        description="A sidecar that the broker does not hear of for so long loses its "
        "partitions to the others.",
    )
    stall_seconds: float = Field(
        60,
        gt=0,
        description="A sidecar that makes no progress for so long while events wait "
        "ends with exit code 4, to be started anew.",
    )
    state: SecretStr | None = Field(
        None,
        description="SQLAlchemy URL of the stream's state and results. Unset: the "
        "control store's server, or SQLite in the home if that is embedded too.",
    )
    first_read: Literal["earliest", "latest"] = Field(
        "earliest", description="Where a partition begins that was never read."
    )
    out_of_range: Literal["earliest", "latest", "fail"] = Field(
        "fail",
        description="Where a partition goes on whose stored offset its log does not "
        "hold any more: at the oldest event there is, at the next new one, or not.",
    )
    results_days: float = Field(
        30, gt=0, description="Results of live windows are kept this long."
    )
    results_megabytes: int = Field(
        256, ge=1, description="Results kept of each partition; the oldest go first."
    )
    retired_days: float = Field(
        7, gt=0, description="State of a changed window definition is kept this long."
    )
    vanished_days: float = Field(
        7, gt=0, description="State of an embedded broker is kept this long after it."
    )
    pending_megabytes: int = Field(
        64, ge=1, description="Outputs that may wait to be sent before reading stops."
    )


class Settings(BaseSettings):
    """All settings; an unknown key or a bad value is an error naming every problem."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=_NESTED, frozen=True, extra="ignore"
    )  # .env also holds other programs' variables; load_settings refuses unknown ones

    home: Path = Field(
        ROOT / "var", description="Folder of every file written at run time."
    )
    domain: str = Field(
        "analytics_platform.domains.flights",
        description="Importable package whose DOMAIN declares tables to reports.",
    )
    dbt_project: Path = Field(
        ROOT / "dbt_project", description="Folder of the domain's dbt project."
    )
    clock: str | None = Field(
        None,
        description="`wall` or `replay:<start>@<speed>`. Unset: the clock of the "
        "platform running in this home, else wall.",
    )
    artifacts: str | None = Field(
        None,
        description="Folder or object-store URL of published snapshots, models and "
        "reports. Unset: <home>/artifacts.",
    )
    inbox: Path | None = Field(
        None, description="Folder watched for dropped files. Unset: <home>/inbox."
    )
    control_store: SecretStr | None = Field(
        None,
        description="SQLAlchemy URL of the control store. Unset: SQLite in the home.",
    )
    mlflow_url: SecretStr | None = Field(
        None, description="MLflow tracking URI. Unset: SQLite in the home."
    )
    warehouse: WarehouseSettings = WarehouseSettings()
    ports: PortSettings = PortSettings()
    logs: LogSettings = LogSettings()
    snapshots: SnapshotSettings = SnapshotSettings()
    training: TrainingSettings = TrainingSettings()
    streaming: StreamingSettings = StreamingSettings()
    push: PushSettings = PushSettings()

    @field_validator("clock")
    @classmethod
    def _clock_reads(cls, text: str | None) -> str | None:
        if text is not None:
            try:
                parse_clock(text)
            except InvalidUsage as error:
                raise ValueError(str(error)) from error
        return text

    @field_validator("home", "dbt_project", "inbox")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path if path is None else path.expanduser().absolute()

    @model_validator(mode="after")
    def _server_has_url(self) -> Self:
        if self.warehouse.kind != "duckdb" and self.warehouse.url is None:
            raise ValueError(
                f"warehouse.kind is {self.warehouse.kind}: set warehouse.url too"
            )
        return self

    @property
    def artifacts_url(self) -> str:
        """Folder path or object-store URL of published artefacts."""
        return self.artifacts or str(self.home / "artifacts")

    @property
    def inbox_path(self) -> Path:
        """Absolute folder watched for dropped files."""
        return self.inbox or self.home / "inbox"

    @property
    def control_store_url(self) -> str:
        """SQLAlchemy URL of the control store."""
        if self.control_store:
            return self.control_store.get_secret_value()
        return f"sqlite:///{self.home / 'control.sqlite'}"

    @property
    def stream_state_url(self) -> str:
        """SQLAlchemy URL of the stream's state and results."""
        if self.streaming.state:
            return self.streaming.state.get_secret_value()
        if self.control_store_url.startswith("sqlite"):
            return f"sqlite:///{self.home / 'stream.sqlite'}"
        return self.control_store_url

    @property
    def mlflow_tracking_uri(self) -> str:
        """Tracking URI of the MLflow store."""
        if self.mlflow_url:
            return self.mlflow_url.get_secret_value()
        return f"sqlite:///{self.mlflow_path}"

    @property
    def mlflow_path(self) -> Path:
        """File of the embedded MLflow store."""
        return self.home / "mlflow" / "mlflow.sqlite"

    @property
    def kernels_path(self) -> Path:
        """Folder of the machine code of the live windows."""
        return self.home / "kernels"

    @property
    def duckdb_path(self) -> Path:
        """Absolute path of the embedded warehouse's file."""
        return self.home / "warehouse.duckdb"


def load_settings(env_file: Path | None = ROOT / ".env") -> Settings:
    """Read the settings from the environment, then from `env_file`.

    Raises:
        InvalidConfiguration: any key is unknown or any value is bad; lists all.
    """
    environment = _environment(env_file)
    problems = [
        f"{name}: unknown setting" for name in environment if name not in known_names()
    ]
    try:
        settings = Settings(_env_file=env_file)
    except ValidationError as error:
        raise InvalidConfiguration(problems + _describe(error)) from error
    if problems:
        raise InvalidConfiguration(problems)
    return settings


def known_names() -> dict[str, str]:
    """Every environment variable that is a setting, with its description."""
    names: dict[str, str] = {}
    for name, field in Settings.model_fields.items():
        group = field.annotation
        if isinstance(group, type) and issubclass(group, _Group):
            for inner, inner_field in group.model_fields.items():
                key = f"{PREFIX}{name}{_NESTED}{inner}".upper()
                names[key] = inner_field.description or ""
        else:
            names[f"{PREFIX}{name}".upper()] = field.description or ""
    return names


def _environment(env_file: Path | None) -> list[str]:
    from_file = dotenv_values(env_file) if env_file and env_file.exists() else {}
    return sorted(key for key in {**from_file, **os.environ} if key.startswith(PREFIX))


def _describe(error: ValidationError) -> list[str]:
    lines = []
    for problem in error.errors():
        where = _NESTED.join(str(part) for part in problem["loc"]).upper()
        got = "" if problem["type"] == "missing" else f" (got {problem['input']!r})"
        lines.append(f"{PREFIX}{where}: {problem['msg']}{got}")
    return lines
