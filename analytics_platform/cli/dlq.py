"""`analytics dlq`: records that a stream could not use, and sending them again."""

import base64
import json
from collections import Counter
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from analytics_platform.cli.environment import migrated_control_store, prepare
from analytics_platform.errors import InvalidUsage

if TYPE_CHECKING:
    from analytics_platform.adapters.dead_letters import DeadLetters, StoredLetter

app = typer.Typer(help="See and replay dead letters.", no_args_is_help=True)

_SHOWN_CHARACTERS = 120

Topic = Annotated[str, typer.Argument(help="The topic whose records they were.")]


@app.command("list")
def list_letters(
    topic: Topic,
    *,
    all: Annotated[bool, typer.Option("--all", help="Replayed ones too.")] = False,
    limit: Annotated[int, typer.Option(help="Print at most so many.", min=1)] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
) -> None:
    """List dead letters with where they came from and why."""
    letters = _open(topic)
    chosen = (s for s in letters.letters() if all or not s.replayed)
    if as_json:
        for stored in islice(chosen, limit):
            print(json.dumps(_as_json(stored)))
        return
    errors: Counter[str] = Counter()
    for number, stored in enumerate(chosen):
        errors[stored.letter.error] += 1
        if number < limit:
            _print(stored)
    total = sum(errors.values())
    if not total:
        print(f"No dead letters of {topic} wait.")
        return
    kinds = ", ".join(f"{count} {error}" for error, count in errors.most_common())
    print(f"{total} dead letter(s): {kinds}.")
    print(f"Send them again: analytics dlq replay {topic} --all")


@app.command("replay")
def replay(
    topic: Topic,
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of `dlq list`.")] = None,
    *,
    all: Annotated[
        bool, typer.Option("--all", help="All that were not replayed yet.")
    ] = False,
) -> None:
    """Send records to their topic again, byte for byte.

    Where only a prediction failed it is made again here instead: sent once more, the
    record would count twice in its windows.
    """
    if bool(ids) == all:
        raise InvalidUsage(
            "Say which: ids, or --all.", hint="See `analytics dlq list`."
        )
    letters = _open(topic)
    lacking = [
        stored
        for stored in letters.chosen(None if all else ids)
        if stored.letter.prediction is not None
    ]
    sent = letters.replay(None if all else ids)
    print(f"Sent {sent} record(s) to {topic} again.")
    if lacking:
        _predict_again(letters, lacking)


def _open(topic: str) -> "DeadLetters":
    settings = prepare()
    from analytics_platform.adapters.brokers import find_broker
    from analytics_platform.adapters.dead_letters import DeadLetters

    return DeadLetters(find_broker(settings), topic)


def _predict_again(letters: "DeadLetters", lacking: list["StoredLetter"]) -> None:
    settings = prepare()
    migrated_control_store(settings)
    from analytics_platform.adapters.brokers import find_broker
    from analytics_platform.clock import WallClock
    from analytics_platform.domains.loader import load_domain
    from streaming.assembly import Stores
    from streaming.late_predictions import hand_on, predict_again

    stores = Stores.open(settings)
    again = predict_again(lacking, stores.models(load_domain(settings.domain)))
    hand_on(again, find_broker(settings), stores.predictions, WallClock())
    letters.mark(again.done)
    print(f"Predicted {len(again.done)} event(s) again.")
    for one in again.failing:
        print(f"{one.stored.id} was not: {one.reason}")


def _print(stored: "StoredLetter") -> None:
    letter = stored.letter
    at = datetime.fromtimestamp(letter.at_ms / 1000, UTC).isoformat(timespec="seconds")
    done = "  (replayed)" if stored.replayed else ""
    print(f"{stored.id}  {at}  {letter.error}: {letter.message}{done}")
    print(f"    from {letter.topic}, partition {letter.partition}, at {letter.offset}")
    print(f"    {ascii(letter.value)[:_SHOWN_CHARACTERS]}")


def _as_json(stored: "StoredLetter") -> dict[str, object]:
    letter = stored.letter
    return {
        "id": stored.id,
        "replayed": stored.replayed,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "error": letter.error,
        "message": letter.message,
        "at_ms": letter.at_ms,
        "replays": letter.replays,
        "key_base64": _base64(letter.key),
        "value_base64": _base64(letter.value),
        "headers": [[name, _base64(text)] for name, text in letter.headers],
    }


def _base64(text: bytes | None) -> str | None:
    return None if text is None else base64.b64encode(text).decode()
