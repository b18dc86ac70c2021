"""Text as any database stores it: without NUL and without lone surrogates."""

from __future__ import annotations

from typing import Any

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def mend(text: str) -> str:
    """`text` with its surrogate pairs joined, and U+FFFD for each NUL and each surrogate left alone."""
    if "\0" in text:
        text = text.replace("\0", REPLACEMENT)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def mend_all(value: Any) -> Any:
    """The same for every string inside a JSON value, keys included."""
    if isinstance(value, str):
        return mend(value)
    if isinstance(value, list):
        return [mend_all(item) for item in value]
    if isinstance(value, dict):
        return {mend(key): mend_all(item) for key, item in value.items()}
    return value


class Mender:
    """Mends a text that comes in pieces: a high surrogate that ends one waits for the next."""

    def __init__(self) -> None:
        self._held = ""

    @property
    def holds(self) -> bool:
        """Whether half a character waits."""
        return bool(self._held)

    def feed(self, piece: str) -> str:
        """What can be shown of what has come so far and was not returned yet."""
        if not self._held and piece.isascii() and "\0" not in piece:
            return piece
        text = self._held + piece
        self._held = ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            self._held = text[-1]
            text = text[:-1]
        return mend(text)

    def finish(self) -> str:
        """U+FFFD when half a character was still waited for."""
        held, self._held = self._held, ""
        return REPLACEMENT if held else ""
