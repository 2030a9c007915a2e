"""Lets memory that a poll gave back serve the next one: it stays in the process."""

import ctypes

# Names and numbers of glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_LARGEST_KEPT = 32 << 20  # glibc takes no more
_KEPT_AT_END = 256 << 20
_GROWS_BY = 16 << 20


def keep_freed_memory() -> bool:
    """Keep blocks of up to 32 MiB that are freed, and 256 MiB at the heap's end.

    A poll's bytes are copied a few times in blocks of about a megabyte. Left to
    itself glibc maps each from the system and unmaps it, and every page is zeroed and
    faulted in again: a quarter of the processor time at full rate. Gives whether the
    C library knows of this; others keep their own ways.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    options = (
        (_MMAP_THRESHOLD, _LARGEST_KEPT),
        (_TRIM_THRESHOLD, _KEPT_AT_END),
        (_TOP_PAD, _GROWS_BY),
    )
    return all(mallopt(*one) == 1 for one in options)
