"""Who is forgotten is found nowhere; what they cost still is."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db.models import ForeignKey, Model, Sum
from django.test import override_settings

from chat.models import (
    ApiKey,
    BudgetCounter,
    ContentAccess,
    Conversation,
    Feedback,
    Generation,
    LegalHold,
    Message,
    Owner,
    Pause,
    SearchEntry,
    UsageRecord,
    UsageSum,
)
from chat.rights import chunks
from chat.rights.chunks import plan_of
from chat.rights.erase import StillRunning, erase
from chat.rights.rules import RULES, Fate, Person, models
from chat.testing.script import Script
from tests.insite import InSite
from tests.rights.people import CANARY, filled, known, leave_traces, tables_with, the_site
from tests.servers import SiteProcess

#: A guest's session: a secret, and all that there is of a guest.
SESSION = "guestsessionsecret0123456789abcd"


def test_every_model_has_a_rule() -> None:
    assert set(RULES) == set(models())


def test_what_a_rule_passes_over_names_no_user() -> None:
    user = get_user_model()
    for name, rule in RULES.items():
        if rule.fate is Fate.NOTHING:
            keys = [field for field in models()[name]._meta.get_fields() if isinstance(field, ForeignKey)]
            assert not [key.name for key in keys if key.related_model is user], name


def erase_user(*arguments: str, **options: Any) -> str:
    out = StringIO()
    call_command("llmchat_erase_user", *arguments, interactive=False, stdout=out, **options)
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_no_key_of_the_user_is_left_and_all_that_is_of_others() -> None:
    user = known()
    the_site()
    # The hold is the one thing that nobody can have and be erased.
    assert set(filled()) == set(models()) - {"legalhold"}
    leave_traces(Owner.of(get_user_model().objects.create_user("else")), "else")
    pk, others = user.pk, rows_of("else")
    report = erase_user(CANARY, delete_account=True)
    assert "2 conversations deleted" in report
    for model in models().values():
        for field in model._meta.concrete_fields:
            if isinstance(field, ForeignKey) and field.related_model is get_user_model():
                assert not model._base_manager.filter(**{field.attname: pk}).exists(), field
    assert not Conversation.objects.filter(owner=None).exists()
    assert rows_of("else") == others


def rows_of(name: str) -> dict[str, Any]:
    """What an export has of somebody, but for the moment at which it was made."""
    out = StringIO()
    call_command("llmchat_export_user", name, stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found | {"exported": None}


@pytest.mark.django_db(transaction=True)
def test_of_the_only_user_nothing_is_left_at_all() -> None:
    known()
    the_site()
    erase_user(CANARY, delete_account=True)
    assert tables_with(CANARY) == set()
    assert not SearchEntry.objects.exists()
    assert not Generation.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_a_guest_nothing_is_left_either() -> None:
    leave_traces(Owner(session_key=SESSION), "")
    erase_user(guest=SESSION)
    assert tables_with(CANARY, SESSION) == set()


@pytest.mark.django_db(transaction=True)
def test_amounts_and_readings_stay_under_one_pseudonym() -> None:
    user = known()
    before = UsageRecord.objects.aggregate(cost=Sum("cost"), tokens=Sum("prompt_tokens"))
    report = erase(Person(Owner.of(user), CANARY))
    assert UsageRecord.objects.aggregate(cost=Sum("cost"), tokens=Sum("prompt_tokens")) == before
    record = UsageRecord.objects.get()
    assert (record.owner_id, record.session_key, record.cost) == (None, report.pseudonym, Decimal("0.25"))
    assert UsageSum.objects.get().cost == Decimal("0.25")
    assert BudgetCounter.objects.get(used=7).subject == report.pseudonym
    names = ContentAccess.objects.order_by("pk").values_list("reader_name", "owner_name", "address")
    assert list(names) == [("someone", report.pseudonym, None), (report.pseudonym, "someone", None)]


@pytest.mark.django_db(transaction=True)
def test_a_name_in_what_others_said_and_searched_is_replaced() -> None:
    user = known()
    other = leave_traces(Owner.of(get_user_model().objects.create_user("else")), "else")
    Feedback.objects.filter(message__conversation=other).update(handled_by=CANARY)
    for what in (CANARY, f"feedback user={CANARY}", "else", f"{CANARY} and more"):
        ContentAccess.objects.create(reader_name="else", action="search", what=what)
    report = erase(Person(Owner.of(user), CANARY))
    assert Feedback.objects.get().handled_by == report.pseudonym
    found = ContentAccess.objects.filter(action="search").order_by("pk").values_list("what", flat=True)
    # Words beside it may be anybody's.
    assert list(found) == [report.pseudonym, report.pseudonym, "else", f"{CANARY} and more"]


@pytest.mark.django_db(transaction=True)
def test_a_dry_run_counts_and_does_nothing() -> None:
    known()
    report = erase_user(CANARY, dry_run=True)
    assert "2 conversations would be deleted" in report
    assert "1 usage would be given a pseudonym" in report
    assert Conversation.objects.count() == 2
    assert ApiKey.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("on", ["user", "conversation"])
def test_a_hold_refuses_and_says_so(on: str) -> None:
    user = known()
    what = {"user": user} if on == "user" else {"conversation": Conversation.objects.first()}
    LegalHold.objects.create(why="case 17", **what)
    with pytest.raises(CommandError, match="case 17"):
        erase_user(CANARY)
    with pytest.raises(CommandError, match="case 17"):
        erase_user(CANARY, dry_run=True)
    assert Conversation.objects.count() == 2
    assert ApiKey.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_who_is_not_there_is_not_found() -> None:
    with pytest.raises(CommandError, match="no user 'nobody'"):
        erase_user("nobody")
    with pytest.raises(CommandError, match="no key"):
        erase_user(id="x")
    with pytest.raises(CommandError, match="Name a user"):
        erase_user()


@pytest.mark.django_db(transaction=True)
def test_a_user_deleted_long_ago_can_still_be_erased_by_key() -> None:
    user = known()
    pk = user.pk
    user.delete()
    assert UsageRecord.objects.filter(owner=pk).exists()
    erase_user(id=str(pk))
    assert not UsageRecord.objects.filter(owner=pk).exists()


@pytest.mark.django_db(transaction=True)
def test_what_was_kept_of_a_deleted_user_is_exported_and_erased_by_key() -> None:
    user, other = known(), get_user_model().objects.create_user("else")
    pk, others = user.pk, other.pk
    leave_traces(Owner.of(other), "else")
    kept = Conversation.objects.filter(owner=other).count()
    with override_settings(LLMCHAT={"ON_USER_DELETE": "keep"}):
        user.delete()
        other.delete()
    out = StringIO()
    call_command("llmchat_export_user", id=str(pk), stdout=out)
    found = json.loads(out.getvalue())
    assert (len(found["conversations"]), len(found["messages"])) == (2, 4)
    assert "2 conversations would be deleted" in erase_user(id=str(pk), dry_run=True)
    assert "2 conversations deleted" in erase_user(id=str(pk))
    assert Conversation.objects.count() == kept
    assert not Pause.objects.filter(by=CANARY).exists()
    erase_user(id=str(others))
    assert tables_with(CANARY) == set()


@pytest.mark.django_db(transaction=True)
def test_a_hold_on_what_was_kept_of_a_deleted_user_refuses() -> None:
    user = known()
    pk = user.pk
    with override_settings(LLMCHAT={"ON_USER_DELETE": "keep"}):
        user.delete()
    LegalHold.objects.create(why="case 17", conversation=Conversation.objects.all()[0])
    with pytest.raises(CommandError, match="case 17"):
        erase_user(id=str(pk))
    assert Conversation.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_who_has_the_name_of_a_deleted_user_now_keeps_it() -> None:
    user = known()
    pk = user.pk
    with override_settings(LLMCHAT={"ON_USER_DELETE": "keep"}):
        user.delete()
    get_user_model().objects.create_user(CANARY)
    erase_user(id=str(pk))
    assert Pause.objects.get().by == CANARY


async def test_running_answers_are_stopped_first(site: InSite) -> None:
    person, cookie = await site.person()
    client = await site.client(cookie)
    site.upstream.script(Script(count=2000, rate=50, tokens=[f"{CANARY} "] * 2000))
    accepted = await client.send(CANARY)
    await client.text(accepted["generation"], 20)
    report = await site.db(erase, Person(Owner.of(person), "ada"))
    assert report.stopped == 1
    await site.upstream.await_idle()
    assert await site.db(tables_with, CANARY) == set()
    spent = await site.db(lambda: UsageRecord.objects.get())
    assert spent.session_key == report.pseudonym


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_cannot_be_stopped_leaves_everything_as_it_was() -> None:
    user = known()
    Generation.objects.filter(message=None).update(status="running", ended=None)
    with pytest.raises(StillRunning):
        erase(Person(Owner.of(user), CANARY), patience=0.2)
    assert Conversation.objects.count() == 2


class Writer:
    """Writes to a conversation whenever a plan to delete it is made, that often."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, times: float) -> None:
        self.left = times
        monkeypatch.setattr(chunks, "plan_of", self.plan_of)

    def plan_of(self, model: type[Model], keys: list[Any]) -> list[chunks.Step]:
        plan = plan_of(model, keys)
        if model is Conversation and keys and self.left > 0:
            self.left -= 1
            position = Message.objects.filter(conversation=keys[0]).count() + 100
            Message.objects.create(conversation_id=keys[0], role="user", content=CANARY, position=position)
        return plan


@pytest.mark.django_db(transaction=True)
def test_what_is_written_to_meanwhile_is_erased_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    known()
    Writer(monkeypatch, 3)
    assert "2 conversations deleted" in erase_user(CANARY, delete_account=True)
    assert tables_with(CANARY) == set()


@pytest.mark.django_db(transaction=True)
def test_an_erasure_that_is_written_to_all_the_time_does_not_say_that_it_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user = known()
    Writer(monkeypatch, math.inf)
    with pytest.raises(StillRunning, match="Not everything"):
        erase(Person(Owner.of(user), CANARY), patience=0.2)
    assert Conversation.objects.exists()


@pytest.mark.slow
def test_no_file_of_the_site_holds_a_word_afterwards(tmp_path: Path) -> None:
    with SiteProcess(tmp_path) as site:
        site.django("from tests.rights.people import known\nknown()")
        exported = tmp_path / "export.json"
        site.manage("llmchat_export_user", CANARY, "--output", str(exported))
        assert CANARY in exported.read_text()
        exported.unlink()
        assert files_with(tmp_path, CANARY)
        site.manage("llmchat_erase_user", CANARY, "--no-input", "--delete-account")
        assert files_with(tmp_path, CANARY) == []
        site.kill()
        site.start()
        assert files_with(tmp_path, CANARY) == []


def files_with(folder: Path, needle: str) -> list[str]:
    return [
        path.name for path in folder.rglob("*") if path.is_file() and needle.encode() in path.read_bytes()
    ]
