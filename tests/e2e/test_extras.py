"""What the operator adds to the page: banners, presets, and what is left of a budget."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.e2e.person import Person
from tests.servers import SiteProcess

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(autouse=True)
def _alone(site: SiteProcess) -> Iterator[None]:
    """The other tests see nothing of what is made here."""
    yield
    site.django(
        "from chat.models import Banner, Budget, Preset\n"
        "for model in (Banner, Budget, Preset): model.objects.all().delete()"
    )


def test_a_banner_that_was_closed_stays_closed_until_it_is_changed(person: Person, site: SiteProcess) -> None:
    pk = site.django("__import__('chat.models').models.Banner.objects.create(text='We move on Friday.').pk")
    person.enter(site)
    banner = person.page.locator(".lc-banner", has_text="We move on Friday.")
    expect(banner).to_be_visible()
    banner.get_by_role("button").click()
    expect(banner).to_be_hidden()
    person.page.reload()
    expect(person.page.locator("llmchat-app:defined")).to_be_visible()
    expect(banner).to_be_hidden()
    site.django(
        "import time; time.sleep(1)\nfrom chat.models import Banner\n"
        "row = Banner.objects.get(pk=pk)\nrow.text += ' Again.'\nrow.save()",
        pk=pk,
    )
    person.page.reload()
    expect(banner).to_be_visible()
    assert person.problems == []


def test_a_preset_is_chosen_for_a_new_chat(person: Person, site: SiteProcess) -> None:
    site.django("__import__('chat.models').models.Preset.objects.create(name='Pirate', system_prompt='Arr')")
    person.enter(site)
    person.page.get_by_label("Pirate").check()
    person.page.locator("llmchat-composer textarea").fill("hello")
    person.page.keyboard.press("Enter")
    expect(person.page.locator(".lc-presets")).to_be_hidden()
    person.page.wait_for_url("**/c/*/")
    begun = "str(__import__('chat.models').models.Conversation.objects.latest('created').preset)"
    assert site.django(begun) == "Pirate"
    assert person.problems == []


def test_what_is_left_of_a_budget_is_shown_and_warned_of(person: Person, site: SiteProcess) -> None:
    person.enter(site)
    site.django(
        "from chat.models import Budget\nfrom django.contrib.auth import get_user_model\n"
        "user = get_user_model().objects.get(username=name)\n"
        "Budget.objects.create(scope='user', user=user, limit=2)",
        name=person.name,
    )
    person.page.reload()
    line = person.page.locator(".lc-budget")
    expect(line).to_have_text("100 % left of 2 messages a day")
    for text in ("50 % left of 2 messages a day", "0 % left of 2 messages a day"):
        person.page.locator("llmchat-composer textarea").fill("hello")
        person.page.keyboard.press("Enter")
        expect(line).to_have_text(text)
    expect(person.page.locator(".lc-notice-budget")).to_contain_text("2 messages a day: used up.")
    person.page.locator("llmchat-composer textarea").fill("one more")
    person.page.keyboard.press("Enter")
    expect(person.page.locator(".lc-notice-refused")).to_contain_text(
        "Your budget of 2 messages a day is used up"
    )
    expect(person.page.locator("llmchat-composer textarea")).to_have_value("one more")
    assert person.problems == []
