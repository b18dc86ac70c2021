"""RFC 6455 by hand: what the bare relay and the load client need of it, and no more."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#: The mask exists to confuse proxies; there are none here, so that one is as good as another.
_MASK = b"\x5a\xa5\x3c\xc3"


def accept_key(key: bytes) -> bytes:
    """The value of `Sec-WebSocket-Accept` for a client's key."""
    return base64.b64encode(hashlib.sha1(key + _GUID).digest())


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """A frame as a server sends it."""
    return _head(opcode, len(payload), 0) + payload


def masked_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """A frame as a client sends it."""
    return _head(opcode, len(payload), 0x80) + _MASK + _masked(payload, _MASK)


def _head(opcode: int, size: int, mask_bit: int) -> bytes:
    if size < 126:
        return bytes((0x80 | opcode, mask_bit | size))
    if size < 1 << 16:
        return bytes((0x80 | opcode, mask_bit | 126)) + size.to_bytes(2, "big")
    return bytes((0x80 | opcode, mask_bit | 127)) + size.to_bytes(8, "big")


def _masked(payload: bytes, mask: bytes) -> bytes:
    size = len(payload)
    pattern = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(pattern, "big")).to_bytes(size, "big")


class FrameReader:
    """Splits what arrives into frames. Fragmented messages are an error: nobody here sends any."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The opcode and payload of each frame that `data` completes."""
        if self._rest:
            data = self._rest + data
        start, total = 0, len(data)
        while total - start >= 2:
            first, second = data[start], data[start + 1]
            if not first & 0x80:
                raise ValueError("a fragmented message")
            size, at = second & 0x7F, start + 2
            if size > 125:
                width = 2 if size == 126 else 8
                size, at = int.from_bytes(data[at : at + width], "big"), at + width
            mask = b""
            if second & 0x80:
                mask, at = data[at : at + 4], at + 4
            if at + size > total:
                break
            payload = data[at : at + size]
            start = at + size
            yield first & 0x0F, _masked(payload, mask) if mask else payload
        self._rest = data[start:]
