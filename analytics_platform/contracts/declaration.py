"""What every declaration of a domain is built on."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Declaration(BaseModel):
    """Base of all declarations: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnType(StrEnum):
    """Logical column types, the same in every warehouse."""

    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"  # an instant, stored as naive UTC
