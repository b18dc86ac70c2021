"""What becomes of an answer: the table of the protocol, in one function."""

from __future__ import annotations

from typing import NamedTuple

from ..models import Status
from ..upstream.errors import UpstreamError

#: Reasons that break an answer off; the others are somebody's wish.
BROKEN = frozenset({"crashed", "drained"})


class Verdict(NamedTuple):
    """How an answer ends: its status, the code of its error and the reason, empty where there is none."""

    status: str
    error_code: str = ""
    reason: str = ""


def judge(*, stop_reason: str, cancelled: bool, error: BaseException | None, content: bool) -> Verdict:
    """Judges an answer whose production is over.

    `stop_reason` is why it was asked to stop, `cancelled` that it was cut off there, `error` what broke
    it, `content` whether it had said anything. What was refused or unusable is an error, whatever came
    before it; what merely ceased is kept as interrupted once there was content.
    """
    if stop_reason and (cancelled or error is None):
        return Verdict(Status.INTERRUPTED if stop_reason in BROKEN else Status.STOPPED, reason=stop_reason)
    if cancelled:
        return Verdict(Status.INTERRUPTED, reason="drained")
    if isinstance(error, UpstreamError):
        kept = error.broke_off and content
        return Verdict(Status.INTERRUPTED if kept else Status.ERROR, error.code)
    if error is not None:
        return Verdict(Status.INTERRUPTED if content else Status.ERROR, "internal")
    if not content:
        return Verdict(Status.ERROR, "upstream_protocol")
    return Verdict(Status.COMPLETE)
