"""What is seen from outside: a line, numbers and spans for each answer, and nothing that was said."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.db import DataError
from django.test import Client, override_settings
from django.urls import reverse
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY

from chat import signals
from chat.engine.alerts import ProviderWatch
from chat.observability import metrics
from chat.observability.logs import JsonFormatter
from chat.testing.script import Script
from tests.engine.test_budgets import wait_for_alerts
from tests.insite import InSite

CANARY = "kestrelwort"


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that the app logs, as JSON lines."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("llmchat")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(level)


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_each_answer_leaves_one_line_its_numbers_and_its_spans(
    site: InSite, log: io.StringIO, exporter: InMemorySpanExporter
) -> None:
    exporter.clear()
    pair = {"provider": "default", "model": "scripted"}
    names = {"door": "web", "error": "", **pair}
    before = sample("llmchat_answers_total", status="complete", **names)
    tokens = sample("llmchat_tokens_total", kind="completion", **pair)
    client = await site.client(await site.user())
    site.upstream.script(Script(tokens=[f"{CANARY} "] * 5))
    accepted = await client.send(f"say {CANARY}")
    end = await client.ended(accepted["generation"])
    (line,) = [line for line in lines(log) if line.get("event") == "answered"]
    assert (line["generation"], line["status"]) == (accepted["generation"], "complete")
    assert line["conversation"] == accepted["conversation"]
    assert line["completion_tokens"] == end["usage"]["completion_tokens"]
    assert sample("llmchat_answers_total", status="complete", **names) == before + 1
    spent = sample("llmchat_tokens_total", kind="completion", **pair) - tokens
    assert spent == end["usage"]["completion_tokens"]
    assert sample("llmchat_first_token_seconds_count", **pair) > 0
    request, answer = exporter.get_finished_spans()
    assert (answer.name, request.name) == ("llmchat answer", "chat scripted")
    assert request.parent is not None
    assert request.parent.span_id == answer.context.span_id
    attributes = dict(request.attributes or {})
    assert attributes["gen_ai.operation.name"] == "chat"
    assert attributes["gen_ai.provider.name"] == "default"
    assert attributes["gen_ai.usage.output_tokens"] == end["usage"]["completion_tokens"]
    assert attributes["gen_ai.response.finish_reasons"] == ("stop",)
    told = log.getvalue() + str([(span.name, dict(span.attributes or {})) for span in (request, answer)])
    assert CANARY not in told + metrics_text()


async def test_a_failed_answer_says_so_everywhere(
    site: InSite, log: io.StringIO, exporter: InMemorySpanExporter
) -> None:
    exporter.clear()
    client = await site.client(await site.user())
    site.upstream.script(*[Script(status=401)] * 3)
    end = await client.ended((await client.send("hello"))["generation"])
    (line,) = [line for line in lines(log) if line.get("event") == "answered"]
    assert line["error_code"] == end["error"]["code"] == "upstream_auth"
    assert line["reference"] == end["error"]["reference"]
    spans = exporter.get_finished_spans()
    assert {dict(span.attributes or {}).get("error.type") for span in spans} == {"upstream_auth"}
    assert not any(span.status.is_ok for span in spans)


def test_a_log_line_tells_of_an_error_where_it_was_and_not_what_it_says() -> None:
    try:
        try:
            raise ValueError(f"row contains {CANARY}")
        except ValueError as cause:
            raise DataError(f"failing row contains ({CANARY})") from cause
    except DataError:
        record = logging.getLogger("llmchat.x").makeRecord(
            "llmchat.x",
            logging.ERROR,
            __file__,
            1,
            "refused %d",
            (7,),
            __import__("sys").exc_info(),
            extra={"generation": 7, "text": CANARY},
        )
    line = JsonFormatter().format(record)
    assert CANARY not in line
    told = json.loads(line)
    assert (told["message"], told["generation"], told["level"]) == ("refused 7", 7, "error")
    assert told["error"]["type"] == "django.db.utils.DataError"
    assert told["error"]["cause"]["type"] == "builtins.ValueError"
    assert "test_observability.py" in told["error"]["stack"][0]


def metrics_text() -> str:
    found = metrics.exposition()
    assert found is not None
    return found[0].decode()


def test_the_names_of_models_that_users_make_up_have_an_end() -> None:
    import prometheus_client

    counting = metrics.Metrics(prometheus_client, prometheus_client.CollectorRegistry())
    pairs = {counting._pair("p", str(number)) for number in range(3 * metrics.MAX_MODELS)}
    assert len(pairs) == metrics.MAX_MODELS + 1
    assert metrics.OTHER in pairs


@pytest.mark.django_db
def test_metrics_are_for_this_machine_or_for_who_has_the_token(client: Client) -> None:
    address = reverse("llmchat:metrics")
    response = client.get(address)
    assert response.status_code == 200
    assert "llmchat_running" in response.text
    assert response["Content-Type"].startswith("text/plain")
    assert client.get(address, REMOTE_ADDR="192.0.2.1").status_code == 404
    assert client.get(address, REMOTE_ADDR="").status_code == 404
    assert client.get(address, HTTP_X_FORWARDED_FOR="127.0.0.1").status_code == 404
    with override_settings(LLMCHAT={"METRICS_TOKEN": "open sesame"}):
        assert client.get(address).status_code == 404
        assert client.get(address, HTTP_AUTHORIZATION="Bearer wrong").status_code == 404
        told = client.get(address, HTTP_AUTHORIZATION="Bearer open sesame", REMOTE_ADDR="192.0.2.1")
        assert told.status_code == 200


def test_the_administrators_hear_once_of_each_outage(settings: Any) -> None:
    settings.ADMINS = [("Ops", "ops@example.com")]
    cache.clear()
    heard: list[str] = []
    signals.provider_down.connect(
        lambda provider, **kwargs: heard.append(provider), weak=False, dispatch_uid="test"
    )
    up, down = {"state": "closed", "error": ""}, {"state": "open", "error": "upstream_unreachable"}
    one, other = ProviderWatch(), ProviderWatch()
    trying = {**down, "state": "half_open"}
    for circuit, count in ((up, 0), (down, 1), (down, 1), (trying, 1), (up, 1), (down, 2)):
        for watch in (one, other):
            watch.look([{"name": "acme", **circuit}, {"name": "acme/model", **down}])
        wait_for_alerts()
        assert len(mail.outbox) == count
    signals.provider_down.disconnect(dispatch_uid="test")
    assert heard == ["acme", "acme"]
    assert "upstream_unreachable" in mail.outbox[0].body


def test_a_cost_is_a_decimal_in_the_log() -> None:
    from chat.observability import Answer
    from chat.observability.answers import fields

    class Spent:
        cost = Decimal("0.000000001")
        usage = type("Usage", (), {"prompt_tokens": 1, "completion_tokens": 2})

    told = fields(Answer(1, "web", "complete", "m", "p", attempts=[Spent()]))  # type: ignore[list-item]
    assert told["cost"] == "0.000000001"
