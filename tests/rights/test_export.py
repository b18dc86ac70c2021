"""Who asks what is known of them gets all of it, and nothing of others."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from chat.models import Conversation, Message, Owner, Role
from chat.rights.rules import RULES, Fate, models
from tests.rights.people import CANARY, known, leave_traces, the_site

pytestmark = pytest.mark.django_db


def exported(*arguments: str, **options: Any) -> dict[str, Any]:
    out = StringIO()
    call_command("llmchat_export_user", *arguments, stdout=out, **options)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def test_everything_of_a_user_is_in_it() -> None:
    known()
    the_site()
    found = exported(CANARY)
    assert found["account"]["name"] == CANARY
    for name, rule in RULES.items():
        if rule.exported and rule.of is not None:
            assert found[f"{name}s"], name
    assert {row["title"] for row in found["conversations"]} == {f"title {CANARY}", CANARY}
    assert len(found["messages"]) == 4
    assert all(row["content"] == f"said {CANARY}" for row in found["messages"])
    assert found["preferences"][0]["values"] == {"instructions": CANARY}
    assert found["usagerecords"][0]["cost"] == "0.250000000"


def test_messages_stand_in_the_order_in_which_they_are_read() -> None:
    owner = get_user_model().objects.create_user("reader")
    for title in ("first", "second"):
        conversation = Conversation.objects.create(owner=owner, title=title)
        parent = None
        for position in range(6):
            role = (Role.USER, Role.ASSISTANT)[position % 2]
            parent = Message.objects.create(
                conversation=conversation,
                parent=parent,
                role=role,
                position=position,
                content=f"{title} {position}",
            )
    found = exported("reader")
    assert [row["title"] for row in found["conversations"]] == ["first", "second"]
    said = [row["content"] for row in found["messages"]]
    assert said == [f"{title} {position}" for title in ("first", "second") for position in range(6)]


def test_what_an_erasure_deletes_an_export_shows() -> None:
    for name, rule in RULES.items():
        if rule.fate is Fate.DELETE:
            assert rule.exported, name


def test_no_field_is_left_out_but_secrets_and_the_engines_own() -> None:
    known()
    found = exported(CANARY)
    for name, rule in RULES.items():
        if found.get(f"{name}s"):
            fields = {field.attname for field in models()[name]._meta.concrete_fields}
            hidden = {field for field in fields if {field, field.removesuffix("_id")} & rule.hidden}
            assert set(found[f"{name}s"][0]) == fields - hidden, name


def test_nothing_of_others_is_in_it() -> None:
    user = get_user_model().objects.create_user("ada")
    known()
    found = exported("ada")
    assert CANARY not in json.dumps(found)
    assert found["account"]["id"] == user.pk
    assert [name for name, rows in found.items() if isinstance(rows, list) and rows] == []


def test_a_guest_gets_what_is_theirs_without_the_sessions_key() -> None:
    leave_traces(Owner(session_key="guestsession"), "")
    found = exported(guest="guestsession")
    assert len(found["messages"]) == 4
    assert "guestsession" not in json.dumps(found)


def test_a_file_is_for_its_maker_only(tmp_path: Path) -> None:
    known()
    path = tmp_path / "export.json"
    out = StringIO()
    call_command("llmchat_export_user", CANARY, output=str(path), stdout=out)
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text())["conversations"]
    assert "2 conversations" in out.getvalue()


def test_a_file_that_was_there_is_for_its_maker_only_from_then_on(tmp_path: Path) -> None:
    known()
    path = tmp_path / "export.json"
    path.write_text("x" * 100_000)
    path.chmod(0o644)
    call_command("llmchat_export_user", CANARY, output=str(path), stdout=StringIO())
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text())["conversations"]


def test_it_is_not_written_through_a_link(tmp_path: Path) -> None:
    known()
    other, link = tmp_path / "other", tmp_path / "export.json"
    other.write_text("as it was")
    link.symlink_to(other)
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("llmchat_export_user", CANARY, output=str(link), stdout=StringIO())
    assert other.read_text() == "as it was"
