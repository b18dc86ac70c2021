"""The joint of an answer that broke off and was continued: nothing twice, nothing left out.

Who continues may do it from the very next character, as it should; repeat the last words, as it is asked
to where it cannot be given the beginning of its answer; say a sentence of introduction before that; or begin
the whole answer anew. Its first characters are held back until it is clear which.
"""

from __future__ import annotations

import re

import msgspec

from ..upstream.errors import UpstreamError
from ..upstream.types import Delta

#: Characters at the end of a text that are given as its last words.
ANCHOR_CHARS = 60
#: Characters of introduction that are looked through for them.
INTRODUCTION = 100
#: A text of fewer different words repeats itself by accident.
DISTINCT = 3
#: Who begins anew with so many of the same words, and then uses others, cannot be joined any more.
ANEW = 12
#: Characters of the last word that may be begun again.
_LAST_WORD = 40
# A character of these scripts is a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")


def anchor_of(text: str) -> str:
    """The last words of `text`; empty where there are too few to be told from a repetition in the text."""
    end = text.rstrip()[-ANCHOR_CHARS:]
    if len(end) == ANCHOR_CHARS and (space := re.search(r"\s+", end[: ANCHOR_CHARS // 2])):
        end = end[space.end() :]
    return end.strip() if _distinct(end) >= DISTINCT else ""


class Seam:
    """Joins a continuation to the text `so_far`.

    With `exact` the provider was given that text as the beginning of its own answer, and is believed to
    go on with the next character, unless it repeats the whole.
    """

    def __init__(self, so_far: str, *, exact: bool) -> None:
        self._so_far = so_far
        self._exact = exact
        self._head = ""
        self._open = bool(so_far)
        anchor = "" if exact else anchor_of(so_far)
        self._anchor = re.compile(r"\s+".join(map(re.escape, anchor.split()))) if anchor else None
        self._telling = _distinct(so_far) >= DISTINCT
        #: How much has to be there before nothing more is expected to be found.
        self._enough = len(anchor) + INTRODUCTION if anchor else 1 if exact else _LAST_WORD
        #: What was left out, because it had been said.
        self.repeated = ""

    def joined(self, delta: Delta) -> Delta:
        """The delta with what belongs to the answer. Raises `UpstreamError` when the two cannot be joined.

        Reasoning is left out: the answer had begun already.
        """
        return msgspec.structs.replace(delta, reasoning="", text=self._pass(delta.text, final=False))

    def rest(self) -> Delta:
        """What is still held back, when nothing more comes."""
        return Delta(text=self._pass("", final=True))

    def _pass(self, text: str, *, final: bool) -> str:
        if not self._open:
            return text
        self._head += text
        said_before = self._said_before(final=final)
        if said_before is None:
            return ""
        head, self._head, self._open = self._head, "", False
        self.repeated = head[:said_before]
        return head[said_before:]

    def _said_before(self, *, final: bool) -> int | None:
        """How many characters of the head had been said; None when more has to come to tell."""
        so_far, head = self._so_far, self._head
        if not head:
            return 0 if final else None
        if not final and so_far.startswith(head):
            return None
        if head.startswith(so_far) and (anew := self._anew(final=final)) is not False:
            return len(so_far) if anew else None
        if self._anchor is not None and (found := self._anchor.search(head)):
            after = head[found.end() :]
            if not after.strip() and not final:
                return None
            return found.end() + self._blank_said(after)
        if not final and (len(head) < self._enough or (not self._exact and self._repeats())):
            return None
        if not self._exact and _common_words(so_far, head) >= ANEW:
            raise UpstreamError("upstream_protocol", log_detail="began anew in other words", broke_off=True)
        if not self._exact and (again := self._last_words_again() or self._word_begun_again()):
            return again
        return self._space_said()

    def _anew(self, *, final: bool) -> bool | None:
        """Whether a head that begins like the text is the whole answer once more; None: not clear yet.

        Of a few words it is, but where the text just goes on like this, as a refrain does.
        """
        if self._telling:
            return True
        few, after = self._so_far.strip(), self._head[len(self._so_far) :].lstrip()
        if self._exact or not few or few.isdigit():
            return False
        if few.startswith(after):
            return False if final or len(after) == len(few) else None
        return not after.startswith(few)

    def _repeats(self) -> bool:
        """Whether all of the head has been said somewhere before: it may come to where the text broke off."""
        begin = self._head[:INTRODUCTION]
        return _distinct(begin) >= DISTINCT and self._head.strip() in self._so_far

    def _last_words_again(self) -> int:
        """The length of a beginning that repeats fewer of the last words than were asked for."""
        words, head = self._so_far.rstrip(), self._head.lstrip()
        for start in range(max(0, len(words) - ANCHOR_CHARS), len(words)):
            tail = words[start:]
            inside = start and words[start - 1].isalnum() and tail[0].isalnum()
            if not inside and head.startswith(tail) and _distinct(tail) >= DISTINCT:
                length = len(self._head) - len(head) + len(tail)
                return length + self._blank_said(self._head[length:])
        return 0

    def _word_begun_again(self) -> int:
        """The length of the last words that the head begins with once more, glued to what stands there."""
        so_far, head = self._so_far, self._head
        if not so_far[-1].isalnum():
            return 0
        for start in range(max(0, len(so_far) - _LAST_WORD), len(so_far) - 2):
            tail = so_far[start:]
            begins = start == 0 or not so_far[start - 1].isalnum()
            if begins and tail[0].isalnum() and head.startswith(tail):
                goes_on = head[len(tail) : len(tail) + 1].isalnum()
                return len(tail) if goes_on or len(tail) > 3 else 0
        return 0

    def _blank_said(self, after: str) -> int:
        """White space behind the last words that stands there already."""
        blank = self._so_far[len(self._so_far.rstrip()) :]
        return len(blank) if blank and after.startswith(blank) else 0

    def _space_said(self) -> int:
        """One space too many, where a template has cut off the one that was sent. Not in an indentation."""
        line = self._so_far.rpartition("\n")[2]
        doubled = line.endswith(" ") and not line.endswith("  ") and line.strip()
        return int(bool(doubled) and self._head[:1] == " " and self._head[1:2].strip() != "")


def _distinct(text: str) -> int:
    return len({word.lower() for word in _WORD.findall(text)})


def _common_words(one: str, other: str) -> int:
    """Different words in the beginning that both share."""
    length = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        length += 1
    return _distinct(one[:length])
