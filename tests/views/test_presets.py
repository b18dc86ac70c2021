"""What a conversation can begin with, and what everybody is told."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chat.models import Banner, Conversation, Preset
from tests.insite import InSite


@pytest.mark.django_db
def test_each_is_offered_what_is_for_everybody_or_their_groups(client: Client) -> None:
    group = Group.objects.create(name="editors")
    ada, bob = (get_user_model().objects.create_user(name) for name in ("ada", "bob"))
    ada.groups.add(group, Group.objects.create(name="more"))
    Preset.objects.create(name="all", system_prompt="secret words", options={"temperature": 0.5})
    editors = Preset.objects.create(name="editors", order=1)
    editors.groups.set(ada.groups.all())
    Preset.objects.create(name="old", active=False)
    for user, names in ((ada, ["editors", "all"]), (bob, ["all"])):
        client.force_login(user)
        response = client.get(reverse("llmchat:api_presets"))
        assert [row["name"] for row in response.json()["results"]] == names
        assert "secret words" not in response.text
        page = client.get(reverse("llmchat:index")).text
        assert ("editors" in page) == (user == ada)
        assert "secret words" not in page


async def test_a_conversation_goes_by_its_preset_as_it_is_at_the_moment(site: InSite) -> None:
    preset = await site.db(
        lambda: Preset.objects.create(
            name="pirate", system_prompt="Talk like a pirate.", model="other", options={"temperature": 0.1}
        )
    )
    client = await site.client(await site.user())
    accepted = await client.send("hello", preset=str(preset.pk), options={"top_p": 0.5})
    await client.ended(accepted["generation"])
    await site.db(Preset.objects.filter(pk=preset.pk).update, system_prompt="Talk like a king.", active=False)
    again = await client.send("go on", conversation=accepted["conversation"])
    await client.ended(again["generation"])
    first, second = await site.upstream.await_requests(2)
    assert first.body["messages"][0] == {"role": "system", "content": "Talk like a pirate."}
    assert (first.body["model"], first.body["temperature"], first.body["top_p"]) == ("other", 0.1, 0.5)
    assert second.body["messages"][0]["content"] == "Talk like a king."
    assert second.body["temperature"] == 0.1
    await site.db(Preset.objects.all().delete)
    last = await client.send("and now", conversation=accepted["conversation"])
    await client.ended(last["generation"])
    assert [message["role"] for message in (await site.upstream.await_requests(3))[2].body["messages"]] == [
        *("user", "assistant") * 2,
        "user",
    ]


async def test_a_preset_that_is_not_offered_is_not_found(site: InSite) -> None:
    preset = await site.db(lambda: Preset.objects.create(name="old", active=False))
    client = await site.client(await site.user())
    for key in (str(preset.pk), "00000000-0000-0000-0000-000000000000"):
        reply = await client.ask("send", text="hello", conversation=None, preset=key)
        assert (reply["code"], reply["message"]) == ("not_found", "This preset is not offered any more.")
    reply = await client.ask("send", text="hello", conversation=None, preset="nonsense")
    assert reply["code"] == "bad_frame"
    assert not await site.db(Conversation.objects.exists)


@pytest.mark.parametrize("options", [{"temperature": 9}, {"temprature": 1}, [], "x", {"stop": [1]}])
def test_parameters_that_no_model_takes_are_refused_in_the_admin(options: Any) -> None:
    with pytest.raises(ValidationError) as error:
        Preset(name="x", options=options).clean()
    assert "options" in error.value.message_dict


@pytest.mark.django_db
def test_banners_are_shown_in_their_time(client: Client) -> None:
    now, hour = timezone.now(), datetime.timedelta(hours=1)
    Banner.objects.create(text="present", starts=now - hour, ends=now + hour)
    Banner.objects.create(text="<b>lasting</b>", level="danger", dismissible=False)
    for text, times in {"past": (None, now - hour), "future": (now + hour, None)}.items():
        Banner.objects.create(text=text, starts=times[0], ends=times[1])
    Banner.objects.create(text="off", active=False)
    client.force_login(get_user_model().objects.create_user("ada"))
    page = client.get(reverse("llmchat:index")).text
    shown = [part.partition("</span>")[0].rpartition("<span>")[2] for part in page.split("lc-banner")[1:]]
    assert shown[:2] == ["&lt;b&gt;lasting&lt;/b&gt;", "present"]
    assert "past" not in shown
    assert "off" not in shown
    with pytest.raises(ValidationError):
        Banner(text="x", starts=now, ends=now).clean()
