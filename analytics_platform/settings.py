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
    """What makes training repeatable."""

    seed: int = Field(20130101, description="Seed of every random choice in training.")


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
    def mlflow_tracking_uri(self) -> str:
        """Tracking URI of the MLflow store."""
        if self.mlflow_url:
            return self.mlflow_url.get_secret_value()
        return f"sqlite:///{self.home / 'mlflow' / 'mlflow.sqlite'}"

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
