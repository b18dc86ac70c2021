"""How processes and providers do, as the processes tell it with each beat."""

from __future__ import annotations

import datetime
from typing import Any

import msgspec
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from ..conf import settings
from ..models import Runner


class Process(msgspec.Struct):
    """A process in words; `state` is `alive`, `draining` or `silent`."""

    label: str
    state: str
    said: str
    running: str
    queued: str
    sockets: str
    seen: str


class ProviderRow(msgspec.Struct):
    """A provider, or a model of one, in words: the worst that a process says, and the sums of all."""

    name: str
    state: str
    said: str
    error: str
    answered: str
    failed: str
    first_token: str


class Standing(msgspec.Struct):
    """`progress` is of each answer its tokens so far and tokens per second."""

    processes: list[Process]
    providers: list[ProviderRow]
    progress: dict[str, tuple[int, int]]


def standing() -> Standing:
    """What the living processes told with their last beats; one query."""
    processes, progress = [], {}
    circuits: dict[str, list[dict[str, Any]]] = {}
    for runner in Runner.objects.filter(dead=False).order_by("label"):
        figures = runner.figures if isinstance(runner.figures, dict) else {}
        processes.append(_process(runner, figures))
        for generation, told in figures.get("answers", {}).items():
            progress[generation] = (int(told[0]), int(told[1]))
        for circuit in figures.get("providers", []):
            circuits.setdefault(str(circuit.get("name", "")), []).append(circuit)
    providers = [_provider(name, said) for name, said in sorted(circuits.items())]
    return Standing(processes, providers, progress)


def _process(runner: Runner, figures: dict[str, Any]) -> Process:
    silent = runner.seen is None or timezone.now() - runner.seen > datetime.timedelta(
        seconds=settings.RUNNER_TIMEOUT
    )
    state = "silent" if silent else "draining" if figures.get("draining") else "alive"
    said = {"silent": _("silent"), "draining": _("stopping"), "alive": _("alive")}[state]
    counts = {name: number_format(figures.get(name, 0)) for name in ("running", "queued", "sockets")}
    seen = "" if runner.seen is None else show_span(timezone.now() - runner.seen)
    return Process(label=str(runner), state=state, said=said, seen=seen, **counts)


def _provider(name: str, said: list[dict[str, Any]]) -> ProviderRow:
    order = ("closed", "half_open", "open")
    worst = max(said, key=lambda each: order.index(each["state"]) if each.get("state") in order else 0)
    state = str(worst.get("state", "closed"))
    words = {"closed": _("in order"), "half_open": _("being tried again"), "open": _("passed by")}
    text = words.get(state, state)
    if state == "open" and (seconds := worst.get("retry_in")):
        text = _("%(state)s for %(seconds)s s") % {"state": text, "seconds": number_format(seconds)}
    times = [each["first_token_ms"] for each in said if each.get("first_token_ms") is not None]
    return ProviderRow(
        name=name,
        state=state,
        said=text,
        error=next((str(each["error"]) for each in said if each.get("error")), ""),
        answered=number_format(sum(each.get("answered", 0) for each in said)),
        failed=number_format(sum(each.get("failed", 0) for each in said)),
        first_token=_("%(ms)s ms") % {"ms": number_format(round(sum(times) / len(times)))} if times else "",
    )


def show_span(span: datetime.timedelta) -> str:
    """`95 s` as `1 min 35 s`."""
    seconds = max(0, int(span.total_seconds()))
    minutes, seconds = divmod(seconds, 60)
    text = _("%(seconds)d s") if not minutes else _("%(minutes)d min %(seconds)d s")
    return text % {"minutes": minutes, "seconds": seconds}
