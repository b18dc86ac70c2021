"""Thoughts that a model writes into its text, between tags, told from what it says."""

from __future__ import annotations

#: How an answer that begins with a thought begins. Elsewhere a tag is text: somebody may ask about one.
_TAGS = {f"<{word}>": f"</{word}>" for word in ("think", "thinking", "thought", "reasoning")}
#: White space that may stand before the first tag.
_MAX_BLANK = 64


class ThoughtSplitter:
    """Takes the text of an answer in pieces, cut anywhere, and returns it as (thought, text).

    The tags, and the white space around them, belong to neither.
    """

    def __init__(self) -> None:
        self._held = ""
        #: The tag that ends the thought; empty before one begins, and behind it.
        self._closing = ""
        self._thought_begun = False
        self._text_awaited = False
        #: The rest is text, whatever stands in it.
        self.over = False

    def feed(self, piece: str) -> tuple[str, str]:
        """What can be told of what has come so far and was not returned yet."""
        if self.over:
            return "", piece
        thought, text = "", self._held + piece
        self._held = ""
        if not self._closing and not self._text_awaited:
            text = self._begin(text)
        if self._closing:
            thought, text = self._think(text)
        if self._text_awaited:
            text = text.lstrip("\r\n")
            self.over = bool(text)
        return thought, text

    def finish(self) -> tuple[str, str]:
        """What was held back, because it could have become a tag."""
        held, self._held = self._held, ""
        return (held, "") if self._closing else ("", held)

    def _begin(self, text: str) -> str:
        """Decides whether the answer begins with a thought, as soon as that can be known."""
        start = text.lstrip()
        tags = _TAGS if len(text) - len(start) <= _MAX_BLANK else {}
        for opening, closing in tags.items():
            if start.startswith(opening):
                self._closing = closing
                return start[len(opening) :]
            if opening.startswith(start):
                self._held = text
                return ""
        self.over = True
        return text

    def _think(self, text: str) -> tuple[str, str]:
        if not self._thought_begun:
            text = text.lstrip()
            self._thought_begun = bool(text)
        thought, closing, rest = text.partition(self._closing)
        if closing:
            self._closing, self._text_awaited = "", True
            return thought.rstrip(), rest
        keep = len(text) - _length_of_beginning(text, self._closing)
        # White space too: it is the thought's only if more of it follows.
        keep = len(text[:keep].rstrip())
        self._held = text[keep:]
        if len(self._held) > _MAX_BLANK:
            keep, self._held = len(text), ""
        return text[:keep], ""


def _length_of_beginning(text: str, tag: str) -> int:
    """How many characters at the end of `text` could be the beginning of `tag`."""
    for length in range(min(len(tag) - 1, len(text)), 0, -1):
        if text.endswith(tag[:length]):
            return length
    return 0
