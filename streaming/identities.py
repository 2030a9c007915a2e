"""64-bit identities of texts and numbers, equal in every process and batch."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import cast

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
_Words = NDArray[np.uint64]

_WORDS = 8  # of 8 bytes; longer texts are hashed one by one
_LONGEST = 8 * _WORDS
# The finaliser of MurmurHash3 (Appleby 2011, public domain).
_MIX_A = np.uint64(0xFF51AFD7ED558CCD)
_MIX_B = np.uint64(0xC4CEB9FE1A85EC53)
_SHIFT = np.uint64(33)
# Odd, and different for each word: multiples of 2^64 divided by the golden ratio.
_PLACES = (
    np.arange(1, _WORDS + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
) | 1


def of_texts(texts: Sequence[str]) -> Integers:
    """An identity for each of n texts; the empty text has one too."""
    if not texts:
        return np.empty(0, np.int64)
    encoded = [text.encode(errors="surrogatepass") for text in texts]
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
    if lengths.max() <= _LONGEST:
        return _of_short(encoded, lengths)
    is_short = lengths <= _LONGEST
    found = np.empty(len(encoded), np.int64)
    short = [text for text, fits in zip(encoded, is_short, strict=True) if fits]
    if short:
        found[is_short] = _of_short(short, lengths[is_short])
    long = [text for text, fits in zip(encoded, is_short, strict=True) if not fits]
    found[~is_short] = [_of_long(text) for text in long]
    return found


def of_numbers(numbers: NDArray[np.float64]) -> Integers:
    """An identity for each of n numbers; equal numbers have equal ones."""
    return (numbers + 0.0).view(np.int64)  # -0.0 becomes 0.0


def _of_short(encoded: list[bytes], lengths: Integers) -> Integers:
    width = max(1, -(-int(lengths.max()) // 8))
    padded = np.array(encoded, dtype=f"S{8 * width}")
    words: _Words = padded.view("<u8").reshape(len(encoded), width)
    with np.errstate(over="ignore"):
        # A word of zeros adds nothing, so that the width of the batch does not matter.
        mixed = (words ^ (words >> _SHIFT)) * _PLACES[:width]
        total = (mixed ^ (mixed >> _SHIFT)).sum(axis=1, dtype=np.uint64)
        return _finished(total + lengths.astype(np.uint64) * _MIX_B)


def _finished(words: _Words) -> Integers:
    words = (words ^ (words >> _SHIFT)) * _MIX_A
    words = (words ^ (words >> _SHIFT)) * _MIX_B
    return cast("Integers", (words ^ (words >> _SHIFT)).view(np.int64))


def _of_long(text: bytes) -> int:
    digest = blake2b(text, digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)
