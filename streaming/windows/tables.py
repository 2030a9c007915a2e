"""Kernels of a hash table of integer pairs: open addressing, no single removals."""

from streaming.windows.layout import (
    FLAG,
    FLAG_NEW,
    LEFT,
    NOTE,
    RIGHT,
    VALUE,
    Long,
)


def place_of(table: Long, left: int, right: int) -> int:
    """Where a pair is, or the free place where it would be."""
    mask = table.shape[0] - 1
    # Folded first, so that no product leaves 64 bits; odd constants spread the rest.
    mixed = (int(left) ^ (int(left) >> 32)) & 0x7FFFFFFF
    place = (
        mixed * 0x5BD1E995 + (int(right) & 0x7FFFFFFF) * 0x2545F491
    ) & 0x3FFFFFFFFFFFFFFF
    place = (place ^ (place >> 15)) & mask
    while table[place, FLAG] and (
        table[place, LEFT] != left or table[place, RIGHT] != right
    ):
        place = (place + 1) & mask
    return int(place)


def put(table: Long, place: int, left: int, right: int) -> bool:
    """Claim a place for a pair and mark it as new; gives whether it was free."""
    was_free = table[place, FLAG] == 0
    table[place, LEFT] = left
    table[place, RIGHT] = right
    table[place, FLAG] = FLAG_NEW
    return bool(was_free)


def place_entries(table: Long, entries: Long) -> int:
    """Put n entries (n x 5) in, later ones over earlier; gives how many are new."""
    added = 0
    for i in range(entries.shape[0]):
        left = entries[i, LEFT]
        right = entries[i, RIGHT]
        place = place_of(table, left, right)
        if put(table, place, left, right):
            added += 1
        table[place, VALUE] = entries[i, VALUE]
        table[place, NOTE] = entries[i, NOTE]
        table[place, FLAG] = entries[i, FLAG]
    return added
