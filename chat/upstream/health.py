"""Passive health: what the requests themselves tell of the providers. One per process, nothing is probed.

Each provider and each model has a circuit. *Closed*: it is asked. *Open*: it failed, and whoever has another
one to ask passes it by. *Half-open*: its time is up, and one request finds out for all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec

from .errors import UpstreamError
from .target import Target

#: Seconds that a circuit stays open at most, however often the finding out has failed.
LONGEST = 300.0
#: Providers and models that are remembered; names of models are the users' to choose where any is passed on.
MAX_KNOWN = 500
#: The weight of a new time to the first token in the average.
_WEIGHT = 0.3
#: Seconds after which a time to the first token says nothing any more.
_STALE = 3600.0


class Circuit(msgspec.Struct):
    """What is known of one provider, or of one model of it. Times are of the health's clock."""

    failures: int = 0
    #: Not before; None: closed.
    until: float | None = None
    pause: float = 0.0
    probing: bool = False
    error: str = ""
    failed: int = 0
    answered: int = 0
    #: Seconds to the first token, averaged, and when that was last measured.
    latency: float | None = None
    measured: float = 0.0

    def state(self, now: float) -> str:
        """`closed`, `open` or `half_open`."""
        if self.until is None:
            return "closed"
        return "open" if now < self.until else "half_open"

    def allows(self, now: float) -> bool:
        """Whether a request is welcome."""
        return self.until is None or (now >= self.until and not self.probing)

    def open(self, now: float, pause: float) -> None:
        self.until, self.probing = now + pause, False


class Health:
    """Learns from `answered`, `completed` and `failed`, and says with `allows` who is to be asked.

    `failures` in a row open a circuit for `seconds`; each failed trial doubles that. For one event loop;
    other threads may read.
    """

    def __init__(
        self, failures: int = 3, seconds: float = 30.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._failures = failures
        self._seconds = seconds
        self._clock = clock
        self._circuits: dict[str, Circuit] = {}
        #: What the operator has switched off: models by name or `provider/model`, providers as `provider/`.
        self.paused: frozenset[str] = frozenset()

    def is_paused(self, target: Target) -> bool:
        """Whether the operator has switched `target` off, under any of its names."""
        names = {target.name, target.model, _model_key(target), f"{target.provider}/"}
        return not names.isdisjoint(self.paused)

    def allows(self, target: Target) -> bool:
        """Whether `target` is worth a request now."""
        now = self._clock()
        return not self.is_paused(target) and all(circuit.allows(now) for circuit in self._known(target))

    def wait(self, target: Target) -> float:
        """Seconds until `allows` may say yes; 0 when it does."""
        now = self._clock()
        return max([0.0, *(circuit.until - now for circuit in self._known(target) if circuit.until)])

    def latency(self, target: Target) -> float | None:
        """Seconds to the first token, as measured lately; None where nothing is known."""
        circuit = self._circuits.get(_model_key(target))
        if circuit is None or circuit.latency is None or self._clock() - circuit.measured > _STALE:
            return None
        return circuit.latency

    def asked(self, target: Target) -> None:
        """A request goes out: of a half-open circuit it is the one that finds out."""
        for circuit in self._both(target):
            circuit.probing = circuit.until is not None

    def answered(self, target: Target, seconds: float) -> None:
        """The first token came after so many seconds: others may ask again."""
        now = self._clock()
        provider, model = self._both(target)
        for circuit in (provider, model):
            circuit.until, circuit.pause, circuit.probing = None, 0.0, False
            circuit.answered += 1
        old = None if now - model.measured > _STALE else model.latency
        model.latency = seconds if old is None else old + _WEIGHT * (seconds - old)
        model.measured = now

    def completed(self, target: Target) -> None:
        """An answer came to its end: only now is what failed before forgotten."""
        for circuit in self._both(target):
            circuit.failures, circuit.error = 0, ""

    def failed(self, target: Target, error: UpstreamError) -> None:
        """The request failed. What is the request's own fault says nothing of the provider."""
        provider, model = self._both(target)
        provider.probing = model.probing = False
        if error.code in ("context_too_long", "content_filtered") or error.status in (400, 413, 422):
            return
        now = self._clock()
        at_fault = provider
        if error.code in ("upstream_rate_limited", "model_unavailable"):
            # It is there, and says no for this model.
            at_fault = model
            provider.failures, provider.until, provider.pause = 0, None, 0.0
        at_fault.failed += 1
        at_fault.error = error.code
        at_fault.failures += 1
        if error.code == "upstream_rate_limited":
            pause = max(error.retry_after or 0.0, min(2.0**at_fault.failures / 2, self._seconds))
            at_fault.open(now, min(pause, LONGEST))
        elif (
            error.code in ("upstream_timeout", "model_unavailable")
            or at_fault.until is not None
            or at_fault.failures >= self._failures
        ):
            at_fault.pause = min(at_fault.pause * 2 or self._seconds, LONGEST)
            at_fault.open(now, at_fault.pause)

    def left(self, target: Target) -> None:
        """The request was given up before it told anything."""
        for circuit in self._both(target):
            circuit.probing = False

    def figures(self) -> list[dict[str, Any]]:
        """For the operator: each provider and model with its state, seconds and counts."""
        now = self._clock()
        return [
            {
                "name": name,
                "state": circuit.state(now),
                "error": circuit.error,
                "retry_in": max(0, round(circuit.until - now)) if circuit.until is not None else None,
                "answered": circuit.answered,
                "failed": circuit.failed,
                "first_token_ms": None if circuit.latency is None else round(circuit.latency * 1000),
            }
            for name, circuit in sorted(self._circuits.items(), key=lambda known: known[0])
        ]

    def _known(self, target: Target) -> list[Circuit]:
        keys = (target.provider, _model_key(target))
        return [circuit for key in keys if (circuit := self._circuits.get(key)) is not None]

    def _both(self, target: Target) -> tuple[Circuit, Circuit]:
        return self._touched(target.provider), self._touched(_model_key(target))

    def _touched(self, name: str) -> Circuit:
        """The circuit of that name; for a new one that was used longest ago is forgotten."""
        circuits = self._circuits
        circuit = circuits.pop(name, None) or Circuit()
        circuits[name] = circuit
        if len(circuits) > MAX_KNOWN:
            del circuits[next(iter(circuits))]
        return circuit


def _model_key(target: Target) -> str:
    return f"{target.provider}/{target.model}"
