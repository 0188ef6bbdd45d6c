"""A set of whole numbers that takes an eighth of a byte each: a million deliveries are 125 kB."""

from __future__ import annotations


class Bits:
    """A set of numbers from 0 on, which only grows."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def add(self, number: int) -> None:
        """Put a number in."""
        place = number >> 3
        if place >= len(self._bytes):
            # By half at least, so that growing costs little however often it happens.
            self._bytes.extend(bytes(max(place + 1 - len(self._bytes), len(self._bytes) // 2)))
        self._bytes[place] |= 1 << (number & 7)

    def __contains__(self, number: int) -> bool:
        place = number >> 3
        return place < len(self._bytes) and bool(self._bytes[place] & (1 << (number & 7)))
