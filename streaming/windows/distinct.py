"""Kernels of distinct counts: exact up to 128 identities, then an estimate.

The estimate is HyperLogLog's with 4,096 registers, read by O. Ertl's improved raw
estimator (New cardinality estimation algorithms for HyperLogLog sketches, 2017, alg.
6): standard error 1.04 / sqrt(4096) = 1.63 % whatever the count. Identities come
mixed: every bit of them counts as random.
"""

import math

from streaming.windows.layout import (
    BODY,
    CHAIN,
    EXACT,
    FREE_CHUNK,
    FREE_SETS,
    KNOWN_AT,
    NO_CELL,
    PLACE,
    REGISTERS,
    SETS_AT,
    WORDS,
    State,
)

_ESTIMATED = -1  # in Cells.known: the set holds registers
_REST = 52  # bits of an identity that do not choose the register
_PER_WORD = 10  # registers of 6 bits each
_PER_CHUNK = WORDS * _PER_WORD
# Chunks that one more identity may take: those of all registers.
MOST_SETS = -(-REGISTERS // _PER_CHUNK) + 1
_ALPHA = 0.5 / math.log(2.0)


def count_identity(state: State, cell: int, slot: int, identity: int) -> None:
    """Put an identity into a cell's set; needs MOST_SETS free chunks."""
    known = state.sketches[cell, state.clock[KNOWN_AT] + slot]
    if known == _ESTIMATED:
        raise_register(state, cell, slot, identity)
        return
    chunk = state.sketches[cell, state.clock[SETS_AT] + slot]
    sets = state.sets
    inside = known & (WORDS - 1)  # of the head; 0 also when it is full
    if inside == 0:
        inside = WORDS
    while chunk >= 0:
        for w in range(inside):
            if sets[chunk, BODY + w] == identity:
                return
        inside = WORDS
        chunk = state.sets[chunk, CHAIN]
    if known == EXACT:
        estimate_set(state, cell, slot)
        raise_register(state, cell, slot, identity)
        return
    if known & (WORDS - 1) == 0:
        new_set(state, cell, slot, 0)
    chunk = state.sketches[cell, state.clock[SETS_AT] + slot]
    sets[chunk, BODY + (known & (WORDS - 1))] = identity
    state.sketches[cell, state.clock[KNOWN_AT] + slot] = known + 1


def new_set(state: State, cell: int, slot: int, place: int) -> int:
    """An empty chunk at the head of a cell's chain."""
    state.clock[FREE_SETS] -= 1
    chunk = state.sets[state.clock[FREE_SETS], FREE_CHUNK]
    for w in range(WORDS):
        state.sets[chunk, BODY + w] = 0
    state.sets[chunk, PLACE] = place
    state.sets[chunk, CHAIN] = state.sketches[cell, state.clock[SETS_AT] + slot]
    state.sketches[cell, state.clock[SETS_AT] + slot] = chunk
    return int(chunk)


def estimate_set(state: State, cell: int, slot: int) -> None:
    """Turn a cell's set of identities into registers."""
    chunk = state.sketches[cell, state.clock[SETS_AT] + slot]
    left = state.sketches[cell, state.clock[KNOWN_AT] + slot]
    state.sketches[cell, state.clock[SETS_AT] + slot] = NO_CELL
    state.sketches[cell, state.clock[KNOWN_AT] + slot] = _ESTIMATED
    inside = left & (WORDS - 1)
    if inside == 0:
        inside = WORDS
    while chunk >= 0:
        for w in range(min(inside, left)):
            raise_register(state, cell, slot, state.sets[chunk, BODY + w])
        inside = WORDS
        following = state.sets[chunk, CHAIN]
        state.sets[state.clock[FREE_SETS], FREE_CHUNK] = chunk
        state.clock[FREE_SETS] += 1
        chunk = following


def raise_register(state: State, cell: int, slot: int, identity: int) -> None:
    """Take an identity into account in a cell's registers."""
    set_register(state, cell, slot, register_of(identity), rank_of(identity))


def set_register(state: State, cell: int, slot: int, register: int, rank: int) -> None:
    """Raise one register of a cell to at least a rank."""
    sets = state.sets
    place = register // _PER_CHUNK
    chunk = state.sketches[cell, state.clock[SETS_AT] + slot]
    while chunk >= 0 and sets[chunk, PLACE] != place:
        chunk = sets[chunk, CHAIN]
    if chunk < 0:
        chunk = new_set(state, cell, slot, place)
    word = register % _PER_CHUNK // _PER_WORD
    shift = register % _PER_WORD * 6
    held = sets[chunk, BODY + word]
    before = (held >> shift) & 63
    if rank > before:
        sets[chunk, BODY + word] = held + ((rank - before) << shift)


def register_of(identity: int) -> int:
    """The register that an identity belongs to."""
    return (identity >> _REST) & (REGISTERS - 1)


def rank_of(identity: int) -> int:
    """One more than the zeros at the head of the bits that do not choose it."""
    rest = identity & ((1 << _REST) - 1)
    rank = 1
    bit = 1 << (_REST - 1)
    while bit and not rest & bit:
        rank += 1
        bit >>= 1
    return rank


def free_set(state: State, cell: int, slot: int) -> None:
    """Give the chunks of a cell's set back and begin it anew."""
    chunk = state.sketches[cell, state.clock[SETS_AT] + slot]
    while chunk >= 0:
        state.sets[state.clock[FREE_SETS], FREE_CHUNK] = chunk
        state.clock[FREE_SETS] += 1
        chunk = state.sets[chunk, CHAIN]
    state.sketches[cell, state.clock[SETS_AT] + slot] = NO_CELL
    state.sketches[cell, state.clock[KNOWN_AT] + slot] = 0


def absorb_set(state: State, cell: int, other: int, slot: int) -> None:
    """Add another cell's set to a cell's and free it; needs MOST_SETS free chunks."""
    sets = state.sets
    chunk = state.sketches[other, state.clock[SETS_AT] + slot]
    left = state.sketches[other, state.clock[KNOWN_AT] + slot]
    if (
        left == _ESTIMATED
        and state.sketches[cell, state.clock[KNOWN_AT] + slot] != _ESTIMATED
    ):
        estimate_set(state, cell, slot)
    inside = left & (WORDS - 1)
    if inside == 0:
        inside = WORDS
    while chunk >= 0:
        if left == _ESTIMATED:
            for r in range(_PER_CHUNK):
                rank = (sets[chunk, BODY + r // _PER_WORD] >> (r % _PER_WORD * 6)) & 63
                if rank:
                    register = int(sets[chunk, PLACE]) * _PER_CHUNK + r
                    set_register(state, cell, slot, register, rank)
        else:
            for w in range(inside):
                count_identity(state, cell, slot, sets[chunk, BODY + w])
        inside = WORDS
        chunk = sets[chunk, CHAIN]
    free_set(state, other, slot)


def clear_union(state: State) -> None:
    """Begin a union of sets in the scratch room."""
    state.union[0] = 0
    state.registers[REGISTERS] = 0


def join_union(state: State, cell: int, slot: int) -> None:
    """Add a cell's set to the union; the last register says that there are any."""
    known = state.sketches[cell, state.clock[KNOWN_AT] + slot]
    chunk = state.sketches[cell, state.clock[SETS_AT] + slot]
    inside = known & (WORDS - 1)
    if inside == 0:
        inside = WORDS
    if known == _ESTIMATED:
        begin_registers(state)
    while chunk >= 0:
        if known == _ESTIMATED:
            join_registers(state, chunk)
        else:
            for w in range(inside):
                join_identity(state, state.sets[chunk, BODY + w])
        inside = WORDS
        chunk = state.sets[chunk, CHAIN]


def begin_registers(state: State) -> None:
    """Turn the union into registers unless it is."""
    registers = state.registers
    held = state.union
    if registers[REGISTERS]:
        return
    for r in range(REGISTERS):
        registers[r] = 0
    registers[REGISTERS] = 1
    for at in range(1, held[0] + 1):
        register = register_of(held[at])
        registers[register] = max(registers[register], rank_of(held[at]))


def join_registers(state: State, chunk: int) -> None:
    """Add a chunk of registers to the union's."""
    registers = state.registers
    for r in range(_PER_CHUNK):
        word = state.sets[chunk, BODY + r // _PER_WORD]
        rank = (word >> (r % _PER_WORD * 6)) & 63
        if rank:
            register = state.sets[chunk, PLACE] * _PER_CHUNK + r
            registers[register] = max(registers[register], rank)


def join_identity(state: State, identity: int) -> None:
    """Add one identity to the union."""
    registers = state.registers
    held = state.union
    if registers[REGISTERS]:
        register = register_of(identity)
        registers[register] = max(registers[register], rank_of(identity))
        return
    for at in range(1, held[0] + 1):
        if held[at] == identity:
            return
    if held[0] == EXACT:
        begin_registers(state)
        join_identity_again(state, identity)
        return
    held[0] += 1
    held[held[0]] = identity


def join_identity_again(state: State, identity: int) -> None:
    """Add an identity to a union that has just become registers."""
    registers = state.registers
    register = register_of(identity)
    registers[register] = max(registers[register], rank_of(identity))


def union_size(state: State) -> float:
    """How many different identities the union holds, exactly or estimated."""
    registers = state.registers
    if not registers[REGISTERS]:
        return float(state.union[0])
    counts = state.union  # not in use while there are registers
    for rank in range(_REST + 2):
        counts[rank] = 0
    for r in range(REGISTERS):
        counts[registers[r]] += 1
    tail = REGISTERS * tau(1.0 - counts[_REST + 1] / REGISTERS)
    for rank in range(_REST, 0, -1):
        tail = 0.5 * (tail + counts[rank])
    tail += REGISTERS * sigma(counts[0] / REGISTERS)
    return _ALPHA * REGISTERS * REGISTERS / tail


def sigma(x: float) -> float:
    """Ertl's correction for registers that are still empty."""
    if x == 1.0:
        return math.inf
    power = 1.0
    total = x
    before = -1.0
    while total != before:
        x *= x
        before = total
        total += x * power
        power += power
    return total


def tau(x: float) -> float:
    """Ertl's correction for registers that are full."""
    if x in (0.0, 1.0):
        return 0.0
    power = 1.0
    total = 1.0 - x
    before = -1.0
    while total != before:
        x = math.sqrt(x)
        before = total
        power *= 0.5
        total -= (1.0 - x) ** 2 * power
    return total / 3.0
