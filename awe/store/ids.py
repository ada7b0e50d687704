"""Names of objects: UUIDs of version 7, global and ordered in time (RFC 9562)."""

import os
import threading
import time

__all__ = ["new_object_id"]

_lock = threading.Lock()
_last = 0


def new_object_id():
    """Make a new name.

    Returns
    -------
    bytes
        16 bytes: 48 bits of milliseconds, 12 bits of their fraction, 62 random bits. Within a
        process each is greater than the one before.
    """
    global _last
    with _lock:
        # Milliseconds in the upper bits, 1/4096 of one in the lower 12.
        ticks = max(time.time_ns() * 4096 // 1_000_000, _last + 1)
        _last = ticks
    high = (ticks >> 12 << 16) | 0x7000 | (ticks & 0xFFF)
    low = (int.from_bytes(os.urandom(8), "big") & (2**62 - 1)) | 2**63
    return high.to_bytes(8, "big") + low.to_bytes(8, "big")
