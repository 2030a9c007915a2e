"""Reads CSV text as columns of text; lines that cannot be cut are kept as they are."""

import pyarrow as pa
import pyarrow.csv as pa_csv

from analytics_platform.core.contract_gate import LINE
from analytics_platform.errors import InvalidData


class UnreadableFile(InvalidData):
    """A file that is empty, cut off, wrongly encoded or of another format."""

    def __init__(self, origin: str, why: str) -> None:
        self.origin, self.why = origin, why
        super().__init__(
            f"{origin} cannot be read: {why}.",
            hint="Write the file again; it is kept as it came "
            "(`analytics quarantine list`).",
        )


def read_csv(content: bytes, *, origin: str, null_text: str) -> pa.Table:
    """The rows of a CSV text with a header, every value a text, `null_text` null.

    Lines with too few or too many values follow the others, their text in `__line`.

    Raises:
        UnreadableFile: empty, not UTF-8, or no CSV at all.
    """
    if not content.strip():
        raise UnreadableFile(origin, "it is empty")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        why = f"byte {error.start} is not UTF-8 ({error.reason})"
        raise UnreadableFile(origin, why) from error
    if content.count(b'"') % 2:
        # Arrow would take the rest of the file for one value, without a word.
        raise UnreadableFile(origin, "a quoted value is not closed")
    broken: list[str] = []

    def keep(row: pa_csv.InvalidRow) -> str:
        broken.append(row.text)
        return "skip"

    try:
        rows = pa_csv.read_csv(
            pa.BufferReader(content),
            parse_options=pa_csv.ParseOptions(
                newlines_in_values=True, invalid_row_handler=keep
            ),
            convert_options=_as_text(_header(content), null_text),
        )
    except pa.ArrowInvalid as error:
        raise UnreadableFile(origin, str(error).splitlines()[0]) from error
    return _with_broken_lines(rows, broken)


def _header(content: bytes) -> list[str]:
    with pa_csv.open_csv(pa.BufferReader(content.partition(b"\n")[0] + b"\n")) as head:
        return list(head.schema.names)


def _as_text(names: list[str], null_text: str) -> pa_csv.ConvertOptions:
    return pa_csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        null_values=[null_text],
        strings_can_be_null=True,
    )


def _with_broken_lines(rows: pa.Table, broken: list[str]) -> pa.Table:
    if not broken:
        return rows
    lines = pa.table({LINE: pa.array(broken, pa.string())})
    return pa.concat_tables([rows, lines], promote_options="default")
