"""What is found, by whom, and what is not found any more. All of it on SQLite and PostgreSQL."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.utils import timezone

from chat import deletion, search
from chat.engine import expiry
from chat.models import Conversation, Message, Owner, Role, SearchEntry

pytestmark = pytest.mark.django_db(transaction=True)

Say = Callable[..., Conversation]


@pytest.fixture
def ada() -> Any:
    return get_user_model()._default_manager.create_user("ada")


@pytest.fixture
def say(ada: Any) -> Say:
    """Makes a conversation in which these texts were said, in turn by the user and the assistant."""

    def say(*texts: str, title: str = "A chat", owner: Any = None, **fields: Any) -> Conversation:
        conversation = Conversation.objects.create(owner=owner or ada, title=title, **fields)
        messages = [
            Message(
                conversation=conversation,
                role=Role.ASSISTANT if position % 2 else Role.USER,
                content=text,
                position=position,
            )
            for position, text in enumerate(texts)
        ]
        Message.objects.bulk_create(messages)
        if not conversation.temporary:
            search.take(conversation)
        return conversation

    return say


def found(asked: str, user: Any) -> list[Any]:
    return [hit.conversation for hit in search.find(asked, Owner.of(user)).hits]


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("我们明天去北京看长城好吗", "北京"),
        ("我们明天去北京看长城好吗", "长城"),
        ("我们明天去北京看长城好吗", "好"),
        ("昨日は東京タワーに行きました", "東京"),
        ("어제서울에서만났어요", "서울"),
        ("เมื่อวานไปกรุงเทพมา", "กรุงเทพ"),
        ("Understanding conversations", "convers"),
        ("Understanding conversations", "CONVERSATIONS understand"),
        ("Der Ärger über die Straße", "arger strasse"),
        ("Привет, мир", "ПРИВЕТ"),
        ("it costs $5 and O'Neill's C++ is 100% fine", "o'neill"),
        ("it's a 'quoted' & | ! :* term \\", "'quoted' & | ! :* \\"),
        ("to be or not to be", '"or not to"'),
        ("a\u2028b snake_case", "snake_case"),
    ],
)
def test_it_is_found(say: Say, ada: Any, text: str, asked: str) -> None:
    wanted = say(text)
    say("something else altogether", title="Other")
    assert found(asked, ada) == [wanted.pk]


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("bobcat", "cat"),
        ("one thing", "one other"),
        ("not or be to", '"or not to"'),
        # Both pairs are there, but the word is not.
        ("北京大学,京都", "北京都"),
        ("anything", ""),
        ("anything", '" * ) ('),
        ("anything", "_o _title"),
    ],
)
def test_it_is_not_found(say: Say, ada: Any, text: str, asked: str) -> None:
    say(text)
    assert found(asked, ada) == []


def test_titles_come_first_and_a_conversation_comes_once(say: Say, ada: Any) -> None:
    title = say("nothing", title="All about lentils")
    said = say("lentils?", "lentils, lentils", "no more lentils")
    page = search.find("lentil", Owner.of(ada))
    assert [hit.conversation for hit in page.hits] == [title.pk, said.pk]
    assert page.hits[0].message is None
    assert page.hits[0].title == [("All about ", False), ("lentil", True), ("s", False)]
    newest = said.messages.get(position=2)
    assert (page.hits[1].message, page.hits[1].role) == (newest.pk, "user")
    assert ("lentil", True) in page.hits[1].snippet


def test_nobody_finds_what_is_somebody_else_s(say: Say, ada: Any) -> None:
    eve = get_user_model()._default_manager.create_superuser("eve")
    guest = Conversation.objects.create(session_key="guest", title="a guest's secret")
    search.take(guest)
    mine = say("the secret")
    assert found("secret", eve) == []
    assert found("secret", ada) == [mine.pk]
    assert [hit.conversation for hit in search.find("secret", Owner(session_key="guest")).hits] == [guest.pk]
    assert search.find("secret", Owner()).hits == []
    # Also when the index has it wrong.
    Conversation.objects.filter(pk=mine.pk).update(owner=eve)
    assert found("secret", ada) == []


def test_the_admin_finds_everybody_s(say: Say) -> None:
    eve = get_user_model()._default_manager.create_user("eve")
    both = {say("a shared word").pk, say("a shared word", owner=eve).pk}
    assert {hit.conversation for hit in search.find("shared").hits} == both
    matching = Conversation.objects.filter(pk__in=search.conversations_matching("shared"))
    assert set(matching.values_list("pk", flat=True)) == both
    assert not Conversation.objects.filter(pk__in=search.conversations_matching("!?")).exists()


def test_pages_go_through_all_of_it_without_repeating(say: Say, ada: Any) -> None:
    made = [say("needle", "needle and needle").pk for _ in range(45)]
    seen: list[Any] = []
    before = None
    for _ in range(4):
        page = search.find("needle", Owner.of(ada), before=before)
        seen += [hit.conversation for hit in page.hits]
        before = page.before
        if before is None:
            break
    assert before is None
    assert set(seen) == set(made)
    assert seen[:20] == list(reversed(made))[:20]


def test_what_is_deleted_leaves_the_index_however_it_is_deleted(say: Say, ada: Any) -> None:
    whole, part, raw = say("needle one"), say("needle two", "needle three"), say("needle four")
    deletion.remove(whole.pk)
    part.messages.get(position=1).delete()
    # A host's own statement, which Django's collector does not see.
    Message.objects.filter(conversation=raw)._raw_delete(Message.objects.db)
    assert found("needle", ada) == [part.pk]
    left = {part.pk, raw.pk, *part.messages.values_list("pk", flat=True)}
    assert set(SearchEntry.objects.values_list("source", flat=True)) == left
    ada.delete()
    assert not SearchEntry.objects.exists()


def test_a_temporary_conversation_is_not_found_until_it_is_kept(say: Say, ada: Any) -> None:
    conversation = say("a passing thought", temporary=True)
    call_command("llmchat_reindex", verbosity=0)
    assert found("passing", ada) == []
    search.take(conversation)
    assert found("passing", ada) == []
    Conversation.objects.filter(pk=conversation.pk).update(temporary=False)
    assert found("passing", ada) == [conversation.pk]


def test_the_command_builds_the_index_anew(say: Say, ada: Any, capsys: pytest.CaptureFixture[str]) -> None:
    older, newer = say("needle"), say("needle")
    SearchEntry.objects.all().delete()
    assert found("needle", ada) == []
    stale = SearchEntry.objects.create(source=ada_id(), conversation_id=ada_id(), terms="needle")
    call_command("llmchat_reindex")
    assert "4 texts can be found." in capsys.readouterr().out
    assert found("needle", ada) == [newer.pk, older.pk]
    assert not SearchEntry.objects.filter(pk=stale.pk).exists()


def ada_id() -> Any:
    import uuid

    return uuid.UUID(int=7)


def test_expired_conversations_go_for_good(say: Say) -> None:
    past = timezone.now() - datetime.timedelta(seconds=1)
    say("old", expires_at=past)
    say("older", expires_at=past, deleted_at=past)
    kept = [say("kept").pk, say("later", expires_at=timezone.now() + datetime.timedelta(hours=1)).pk]
    assert expiry.purge(1) == 1
    assert expiry.purge(10) == 1
    assert set(Conversation.objects.values_list("pk", flat=True)) == set(kept)
