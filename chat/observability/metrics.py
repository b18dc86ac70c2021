"""Prometheus metrics, with the optional extra `metrics`. They go into the library's own registry."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .answers import Answer, Attempt

#: Pairs of provider and model with numbers of their own: where users name models, there is no end of them.
MAX_MODELS = 100
OTHER = ("other", "other")
#: Seconds.
FIRST_TOKEN = (0.1, 0.2, 0.4, 0.8, 1.5, 3, 6, 12, 30, 60)
WHOLE = (0.5, 1, 2, 5, 10, 20, 40, 80, 160, 320, 640)


class Metrics:
    """What is counted of answers as they end."""

    def __init__(self, library: Any, registry: Any) -> None:
        model = ("provider", "model")

        def counter(name: str, text: str, *labels: str) -> Any:
            return library.Counter(name, text, (*labels, *model), registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...]) -> Any:
            return library.Histogram(name, text, model, buckets=buckets, registry=registry)

        self.answers = counter("llmchat_answers", "Answers that have ended", "door", "status", "error")
        self.requests = counter("llmchat_requests", "Requests to providers", "status", "error")
        self.tokens = counter("llmchat_tokens", "Tokens, as the ledger has them", "kind")
        self.cost = counter("llmchat_cost_dollars", "What they cost, where a price is known")
        self.first_token = histogram(
            "llmchat_first_token_seconds", "From a request to its first content", FIRST_TOKEN
        )
        self.whole = histogram("llmchat_answer_seconds", "From a question to its answer's end", WHOLE)
        self._known: set[tuple[str, str]] = set()

    def count(self, answer: Answer) -> None:
        pair = self._pair(answer.provider, answer.model)
        self.answers.labels(answer.door, answer.status, answer.error_code, *pair).inc()
        if (total := answer.timings.get("total")) is not None:
            self.whole.labels(*pair).observe(total / 1000)
        for attempt in answer.attempts:
            self._count_attempt(attempt)

    def _count_attempt(self, attempt: Attempt) -> None:
        pair = self._pair(attempt.provider, attempt.model)
        self.requests.labels(attempt.status, attempt.error_code, *pair).inc()
        for kind in ("prompt", "cached", "completion", "reasoning"):
            if amount := getattr(attempt.usage, f"{kind}_tokens"):
                self.tokens.labels(kind, *pair).inc(amount)
        if attempt.cost:
            self.cost.labels(*pair).inc(float(attempt.cost))
        if attempt.first_token_ms is not None:
            self.first_token.labels(*pair).observe(attempt.first_token_ms / 1000)

    def _pair(self, provider: str, model: str) -> tuple[str, str]:
        pair = (provider, model)
        if pair in self._known:
            return pair
        if len(self._known) >= MAX_MODELS:
            return OTHER
        self._known.add(pair)
        return pair


class Standing:
    """What a process stands at when it is asked: read from its runners, kept nowhere."""

    def __init__(self, families: Any) -> None:
        self._families = families

    def collect(self) -> Iterator[Any]:
        # The engine imports this package.
        from ..engine.running import runners

        gauge, counter = self._families.GaugeMetricFamily, self._families.CounterMetricFamily
        alive = runners()
        figures = [runner.figures() for runner in alive]
        for name, text in (
            ("running", "Answers being written"),
            ("queued", "Answers waiting in line"),
            ("sockets", "Open sockets"),
        ):
            yield gauge(f"llmchat_{name}", text, value=sum(one[name] for one in figures))
        yield gauge("llmchat_draining", "1 while it refuses new work", value=any(r.draining for r in alive))
        for name, text in (
            ("checksum_mismatch", "Ends that a client could not verify; must stay 0"),
            ("gap", "Gaps that a client reported; must stay 0"),
        ):
            yield counter(f"llmchat_{name}", text, value=sum(one[name] for one in figures))
        closed = gauge("llmchat_circuit_closed", "0 while a provider or model is passed by", labels=("name",))
        for name in sorted({row["name"] for runner in alive for row in runner.health.figures()}):
            states = [row["state"] for r in alive for row in r.health.figures() if row["name"] == name]
            closed.add_metric((name,), float(all(state == "closed" for state in states)))
        yield closed


@lru_cache(maxsize=1)
def _metrics() -> Metrics | None:
    try:
        import prometheus_client
        from prometheus_client import core
    except ImportError:
        return None
    prometheus_client.REGISTRY.register(Standing(core))
    return Metrics(prometheus_client, prometheus_client.REGISTRY)


def count(answer: Answer) -> None:
    """Counts an answer; does nothing without the library."""
    if (metrics := _metrics()) is not None:
        metrics.count(answer)


def exposition() -> tuple[bytes, str] | None:
    """All that the registry holds, in Prometheus' format, with its content type; None without the library."""
    if _metrics() is None:
        return None
    import prometheus_client

    return prometheus_client.generate_latest(), prometheus_client.CONTENT_TYPE_LATEST
