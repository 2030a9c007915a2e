"""Reads the content of one dropped file: CSV, Parquet or JSON lines by its suffix."""

import io
import json
from pathlib import PurePath

import pyarrow as pa
import pyarrow.parquet as pq

from analytics_platform.adapters.sources.arrival import Arrival, table_from_records
from analytics_platform.adapters.sources.csv_files import UnreadableFile, read_csv

CSV = frozenset({".csv"})
PARQUET = frozenset({".parquet"})
JSON_LINES = frozenset({".jsonl", ".ndjson"})


def read_file(name: str, content: bytes, *, null_text: str) -> Arrival:
    """The rows of a file with at least one row.

    Raises:
        UnreadableFile: it is empty, cut off, wrongly encoded, of another format than
            its suffix says, or of a suffix that is not known.
    """
    suffix = PurePath(name).suffix.lower()
    if suffix in CSV:
        rows = read_csv(content, origin=name, null_text=null_text)
    elif suffix in PARQUET:
        rows = _read_parquet(name, content)
    elif suffix in JSON_LINES:
        rows = _read_json_lines(name, content)
    else:
        known = ", ".join(sorted(CSV | PARQUET | JSON_LINES))
        raise UnreadableFile(name, f"its suffix is none of {known}")
    if not len(rows):
        raise UnreadableFile(name, "it has no rows")
    return Arrival(name, rows)


def _read_parquet(name: str, content: bytes) -> pa.Table:
    try:
        return pq.read_table(io.BytesIO(content))
    except (pa.ArrowInvalid, pa.ArrowException, OSError) as error:
        why = str(error).splitlines()[0] if str(error) else "no Parquet"
        raise UnreadableFile(name, why.rstrip(".")) from error


def _read_json_lines(name: str, content: bytes) -> pa.Table:
    """Objects, one per line; one line that is none makes the whole file unreadable."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        why = f"byte {error.start} is not UTF-8 ({error.reason})"
        raise UnreadableFile(name, why) from error
    records: list[dict[str, object]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            records.append(_object(name, number, line))
    return table_from_records(records)


def _object(name: str, number: int, line: str) -> dict[str, object]:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise UnreadableFile(name, f"line {number} is no JSON: {error}") from error
    if not isinstance(record, dict):
        raise UnreadableFile(name, f"line {number} is no JSON object")
    return record
