"""docs/embedding.md: every piece of code is what the bookshop runs, or makes a new project work."""

from __future__ import annotations

import inspect
import itertools
import re
from ast import literal_eval
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from django.conf import settings
from playwright.sync_api import BrowserContext

from chat.conf import Provider, Settings
from chat.policy import ChatPolicy
from chat.templatetags.llmchat import llmchat as tag
from chat.testing.scripted_upstream import ScriptedUpstream
from tests.e2e.person import tokens

from .hosts import BOOKSHOP, Host
from .visitor import Visitor

ROOT: Path = settings.BASE_DIR
PAGE = (ROOT / "docs" / "embedding.md").read_text()
FILE = re.compile(r"`(\w[\w/-]*/[\w.-]+\.\w+)`")


class Piece(NamedTuple):
    """A piece of code; `file` is the last one named in the line above it."""

    file: str
    language: str
    text: str


def pieces() -> Iterator[Piece]:
    said = ""
    lines = iter(PAGE.splitlines(keepends=True))
    for line in lines:
        if line.startswith("```"):
            files = FILE.findall(said)
            text = "".join(itertools.takewhile(lambda line: line != "```\n", lines))
            yield Piece(files[-1] if files else "", line.strip("`\n"), text)
            said = ""
        elif line.strip():
            said = line


def rows(heading: str) -> dict[str, str]:
    """First and second column of the table under a line."""
    table = next(part for part in PAGE[PAGE.index(heading) :].split("\n\n") if part.startswith("| "))
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return {row[0]: row[1] for row in cells}


def names(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


SUPERUSER = {
    "DJANGO_SUPERUSER_USERNAME": "root",
    "DJANGO_SUPERUSER_EMAIL": "root@example.org",
    "DJANGO_SUPERUSER_PASSWORD": "first",
}


def test_all_code_names_its_file() -> None:
    assert {piece.language for piece in pieces() if not piece.file} == {"console", "javascript"}


def test_what_the_page_quotes_is_what_the_bookshop_runs() -> None:
    quoted = [piece for piece in pieces() if piece.file and not piece.file.startswith("mysite/")]
    assert len(quoted) > 10
    strange = [piece for piece in quoted if piece.text not in (BOOKSHOP / piece.file).read_text()]
    assert strange == []


@pytest.mark.parametrize(
    ("heading", "struct"),
    [("Keys of `LLMCHAT`", Settings), ("A provider:", Provider)],
    ids=["chat", "provider"],
)
def test_the_settings_are_all_there_with_their_defaults(heading: str, struct: type[msgspec.Struct]) -> None:
    told = {names(key)[0]: names(default)[0] for key, default in rows(heading).items()}
    fields = msgspec.structs.fields(struct)
    assert set(told) == {field.name for field in fields}
    instance = struct()
    for field in fields:
        assert literal_eval(told[field.name]) == getattr(instance, field.name), field.name


def test_the_methods_of_a_policy_are_all_there() -> None:
    told = [names(key)[0] for key in rows('`LLMCHAT["POLICY"]` names it')]
    found = [name for name in vars(ChatPolicy) if not name.startswith("_")]
    assert [call.partition("(")[0] for call in told] == found
    for call in told:
        name, _, arguments = call.rstrip(")").partition("(")
        assert arguments.split(", ") == list(inspect.signature(getattr(ChatPolicy, name)).parameters)[1:]


def test_the_blocks_are_all_there() -> None:
    template = (ROOT / "chat/templates/llmchat/app.html").read_text()
    found = re.findall(r"{% block (\w+) %}", template)
    assert sorted(name for key in rows("**Parts.**") for name in names(key)) == sorted(found)
    for name in names(PAGE[PAGE.index("In all of them:") :].partition("\n")[0]):
        assert name in inspect.getsource(tag), name


def test_the_tokens_are_all_there() -> None:
    sheet = (ROOT / "chat/static/llmchat/tokens.css").read_text()
    found = set(re.findall(r"^  --llmchat-([\w-]+):", sheet, re.MULTILINE))
    assert sorted(name for key in rows("**Colours") for name in names(key)) == sorted(found)


@pytest.mark.browser
def test_five_lines_make_a_chat_of_a_new_project(
    python: Path, tmp_path: Path, scripted_upstream: ScriptedUpstream, context: BrowserContext
) -> None:
    host = Host(python, tmp_path, OPENAI_BASE_URL=scripted_upstream.base_url, OPENAI_API_KEY="sk-new")
    host.run("-m", "django", "startproject", "mysite", ".")
    for piece in pieces():
        if piece.file.startswith("mysite/"):
            with (tmp_path / piece.file).open("a") as file:
                file.write(piece.text)
    commands = [line for piece in pieces() if piece.language == "console" for line in piece.text.splitlines()]
    manage = [line.split()[2:] for line in commands if line.startswith("$ python ")]
    for command in manage:
        if command != ["manage.py", "runserver"]:
            host.run(*command)
    host.run("manage.py", "createsuperuser", "--noinput", **SUPERUSER)

    with host.serve("manage.py", "runserver", "127.0.0.1:{port}", "--noreload") as origin:
        visitor = Visitor(context, origin)
        visitor.visit("/admin/", "root", "first")
        visitor.page.goto(f"{origin}/chat/")
        visitor.ask("Is anybody there?")
        visitor.expect_done()
        assert visitor.text() == tokens(20)
        visitor.page.reload()
        assert visitor.wait_for_text(len(tokens(20))) == tokens(20)
        assert visitor.problems == visitor.strangers == []
    assert scripted_upstream.seen[0].body["model"] == "gpt-5-mini"
    assert scripted_upstream.seen[0].headers["authorization"] == "Bearer sk-new"


def test_the_readme_has_the_same_five_lines() -> None:
    code = (ROOT / "README.md").read_text().partition("## In your own site")[2].split("```")[1]
    lines = [line.partition("  #")[0].rstrip() for line in code.splitlines()[1:] if line[:1] not in ("", "#")]
    assert len(lines) == 5
    told = "".join(piece.text for piece in pieces() if piece.file.startswith("mysite/")).splitlines()
    assert [line for line in lines if line not in told] == []
