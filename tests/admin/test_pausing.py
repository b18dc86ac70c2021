from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from chat.models import Generation, Pause, Runner

from .conftest import Stop, begin, client_of, converse

pytestmark = pytest.mark.django_db

RUNNING = "/admin/llmchat/generation/running/"


def said(client: Client, **form: str) -> list[str]:
    response = client.post(RUNNING, form)
    assert response["Location"] == RUNNING
    messages = [str(message) for message in get_messages(response.wsgi_request)]
    # Shown, so that the next page does not show them again.
    client.get(RUNNING)
    return messages


def test_a_model_is_switched_off_and_on_again(superuser: Client) -> None:
    assert said(superuser, pause="on", name="default/tiny", why="too dear") == [
        "default/tiny takes no questions, in all processes within 5 seconds."
    ]
    pause = Pause.objects.get()
    assert (pause.model, pause.why, pause.by) == ("default/tiny", "too dear", "superuser")
    page = superuser.get(RUNNING).text
    assert "<bdi>default/tiny</bdi> is switched off." in page
    assert "too dear" in page
    assert said(superuser, pause="on", name="default/tiny") == ["default/tiny is switched off already."]
    assert said(superuser, resume="default/tiny") == ["default/tiny takes questions again."]
    assert not Pause.objects.exists()
    assert LogEntry.objects.count() == 2


def test_the_site_is_switched_off_and_its_answers_are_stopped(
    superuser: Client, owner: User, stops: list[Stop]
) -> None:
    live = begin(converse(owner))
    messages = said(superuser, pause="on", site="1", name="", stop="1")
    assert messages[1] == "1 generation is being stopped."
    assert [(stop.generations, stop.reason) for stop in stops] == [([live.pk], "admin")]
    assert Pause.objects.get().model == ""
    assert "The whole site is switched off." in superuser.get(RUNNING, {"rows": "1"}).text


def test_only_the_answers_of_what_is_switched_off_are_stopped(
    superuser: Client, owner: User, stops: list[Stop]
) -> None:
    one, two = begin(converse(owner)), begin(converse(owner))
    Generation.objects.filter(pk=one.pk).update(provider="default")
    Generation.objects.filter(pk=two.pk).update(provider="other")
    for name in ("default/", "default/tiny"):
        said(superuser, pause="on", name=name, stop="1")
    assert [stop.generations for stop in stops] == [[one.pk], [one.pk]]


def test_nothing_named_switches_nothing_off(superuser: Client) -> None:
    assert said(superuser, pause="on", name=" ") == ["Please choose what to switch off."]
    assert said(superuser, resume="never") == []
    assert not Pause.objects.exists()


def test_to_stop_is_not_to_switch_off(lister: Client) -> None:
    assert lister.post(RUNNING, {"pause": "on", "site": "1"}).status_code == 403
    assert "Switch off" not in lister.get(RUNNING).text
    assert not Pause.objects.exists()


def test_it_shows_what_processes_tell(superuser: Client, owner: User) -> None:
    generation = begin(converse(owner))
    circuit = {"name": "default", "state": "open", "error": "upstream_timeout", "retry_in": 30}
    circuit |= {"answered": 4, "failed": 3, "first_token_ms": 250}
    figures: dict[str, Any] = {
        "running": 1,
        "queued": 0,
        "sockets": 7,
        "draining": False,
        "providers": [circuit],
    }
    figures["answers"] = {str(generation.pk): [1234, 56]}
    Runner.objects.create(label="web-1", seen=timezone.now(), figures=figures)
    other = {"providers": [circuit | {"state": "closed", "retry_in": None, "error": "", "answered": 2}]}
    Runner.objects.create(label="web-2", seen=timezone.now() - datetime.timedelta(minutes=5), figures=other)
    Runner.objects.create(label="gone", dead=True)
    page = superuser.get(RUNNING).text
    for shown in ("1234", "56/s", "web-1", ">7<", "passed by for 30 s", "upstream_timeout", ">6<", "250 ms"):
        assert shown in page
    assert "silent (5 min 0 s)" in page
    assert "gone" not in page.partition("Processes")[2]


def test_what_an_old_process_tells_breaks_nothing(superuser: Client) -> None:
    told: list[Any] = [{}, [], {"providers": [{"name": "x"}]}, {"answers": {}}]
    for figures in told:
        Runner.objects.create(label="old", figures=figures)
    assert superuser.get(RUNNING).status_code == 200


@pytest.fixture
def superuser(db: None) -> Client:
    return client_of("superuser")
