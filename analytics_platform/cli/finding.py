"""What one check of `analytics doctor` found."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from analytics_platform.errors import PlatformError


class Finding(BaseModel):
    """What one check found and, unless all is well, what to do."""

    model_config = ConfigDict(frozen=True)

    part: str
    state: Literal["ok", "warning", "missing"]
    found: str
    hint: str = ""


def failed(part: str, error: Exception) -> Finding:
    """An error in its first line, with its own hint."""
    first_line = str(error).splitlines()[0]
    hint = error.hint if isinstance(error, PlatformError) else None
    return Finding(
        part=part, state="missing", found=first_line, hint=hint or "See its setting."
    )
