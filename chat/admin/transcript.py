"""A conversation as a page to read: the branch chosen, its messages, and what is known of each answer."""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from typing import Any
from uuid import UUID

from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from .. import markdown
from ..engine import journal, livelog
from ..exceptions import SENTENCES
from ..models import LIVE, Conversation, Generation, Message, Role
from .base import owner_name, show_cost, show_seconds, status_badge
from .tree import Tree

PER_PAGE = 50
#: Characters of Markdown on one page that are rendered; what comes after is shown as plain text.
RENDERED_CHARS = 200_000
#: Of a step's details; tools may return megabytes.
STEP_CHARS = 5_000


@dataclasses.dataclass
class Step:
    """A tool call, a retry or the like, as the frames told it."""

    kind: str
    details: str


@dataclasses.dataclass
class Run:
    """One generation in words."""

    number: int
    status: SafeString
    facts: list[str]
    error: str
    code: str
    reference: str


@dataclasses.dataclass
class Text:
    """Something said: as HTML, or as it is where that would be wrong or take too long."""

    html: SafeString | None
    plain: str = ""


@dataclasses.dataclass
class Entry:
    """One message on the page; without `text` where the reader may not see it."""

    position: int
    role: str
    speaker: str
    created: Any
    live: bool = False
    text: Text | None = None
    reasoning: Text | None = None
    steps: list[Step] = dataclasses.field(default_factory=list)
    runs: list[Run] = dataclasses.field(default_factory=list)
    version: int = 1
    versions: int = 1
    previous: int | None = None
    next: int | None = None


def read_page(conversation: Conversation, tree: Tree, positions: list[int], *, readable: bool) -> list[Entry]:
    """The messages at `positions` in that order, with texts only if `readable`.

    Two queries, and one more for each answer on the page that is being written.
    """
    messages = Message.objects.filter(conversation=conversation, position__in=positions)
    if not readable:
        messages = messages.defer("content", "reasoning", "steps")
    found = {message.position: message for message in messages}
    runs: defaultdict[UUID | None, list[Generation]] = defaultdict(list)
    keys = [message.pk for message in found.values()]
    for generation in Generation.objects.filter(message__in=keys).select_related("runner").order_by("pk"):
        runs[generation.message_id].append(generation)
    owner = owner_name(conversation.owner)
    budget = Budget(RENDERED_CHARS)
    entries = []
    for position in positions:
        # A message deleted since the tree was read is passed over.
        if (message := found.get(position)) is not None:
            entry = _entry(tree, message, runs[message.pk], owner)
            if readable:
                _fill(entry, message, runs[message.pk], budget)
            entries.append(entry)
    return entries


@dataclasses.dataclass
class Budget:
    """How much Markdown may still be rendered for this page."""

    chars: int

    def render(self, text: str) -> Text:
        if len(text) > min(self.chars, markdown.MAX_CHARS):
            return Text(None, text)
        self.chars -= len(text)
        return Text(markdown.render(text))


def _entry(tree: Tree, message: Message, generations: list[Generation], owner: str) -> Entry:
    versions = tree.siblings(message.position)
    place = versions.index(message.position)
    return Entry(
        position=message.position,
        role=message.role,
        speaker=_speaker(message, owner),
        created=message.created,
        live=any(generation.status in LIVE for generation in generations),
        runs=[_run(generation, message) for generation in generations],
        version=place + 1,
        versions=len(versions),
        previous=versions[place - 1] if place else None,
        next=versions[place + 1] if place + 1 < len(versions) else None,
    )


def _fill(entry: Entry, message: Message, generations: list[Generation], budget: Budget) -> None:
    text, reasoning, events = message.content, message.reasoning, message.steps
    for generation in generations:
        if generation.status in LIVE:
            told = livelog.read(journal.read(generation.pk))
            text, reasoning, events = text + told.text, reasoning + told.reasoning, [*events, *told.events]
    entry.text = budget.render(text) if message.role == Role.ASSISTANT else Text(None, text)
    if reasoning:
        entry.reasoning = budget.render(reasoning)
    entry.steps = [_step(event) for event in events]


def _speaker(message: Message, owner: str) -> str:
    if message.role == Role.USER:
        return owner
    if message.role == Role.ASSISTANT and message.model:
        return message.model
    return str(Role(message.role).label).capitalize()


def _step(event: Any) -> Step:
    known = event if isinstance(event, dict) else {"kind": "", "value": event}
    details = {key: value for key, value in known.items() if key not in {"type", "generation", "n", "kind"}}
    text = json.dumps(details, indent=2, ensure_ascii=False) if details else ""
    return Step(str(known.get("kind", "")), text if len(text) <= STEP_CHARS else text[:STEP_CHARS] + "…")


def _run(generation: Generation, message: Message) -> Run:
    timings = generation.timings if isinstance(generation.timings, dict) else {}
    facts = [str(generation.get_door_display())]
    if generation.model != message.model:
        facts.insert(0, generation.model)
    if (first := show_seconds(timings.get("first_token"))) != "":
        facts.append(_("first token %(time)s") % {"time": first})
    if (total := show_seconds(timings.get("total"))) != "":
        facts.append(_("in all %(time)s") % {"time": total})
    if generation.prompt_tokens is not None or generation.completion_tokens is not None:
        tokens = {
            "prompt": number_format(generation.prompt_tokens or 0),
            "completion": number_format(generation.completion_tokens or 0),
        }
        words = (
            _("about %(prompt)s + %(completion)s tokens")
            if generation.estimated
            else _("%(prompt)s + %(completion)s tokens")
        )
        facts.append(words % tokens)
    if generation.cost is not None:
        facts.append(_("cost %(cost)s") % {"cost": show_cost(generation.cost)})
    if generation.finish_reason and generation.finish_reason != "stop":
        facts.append(_("finished: %(reason)s") % {"reason": generation.finish_reason})
    if generation.reason:
        facts.append(_("because: %(reason)s") % {"reason": generation.reason})
    if generation.attempts > 1:
        facts.append(_("%(count)s attempts") % {"count": generation.attempts})
    if generation.runner is not None and generation.status in LIVE:
        facts.append(str(generation.runner))
    code = generation.error_code
    return Run(
        number=generation.pk,
        status=status_badge(generation.status),
        facts=facts,
        error=str(SENTENCES.get(code, SENTENCES["internal"])) if code else "",
        code=code,
        reference=generation.reference,
    )
