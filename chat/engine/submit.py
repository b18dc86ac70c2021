"""A command becomes rows: one transaction, and only after it `accepted`.

The order of the checks is part of the protocol: ownership, duplicate, state, limits. A retry of an
accepted command is therefore never refused, and a refused command does not use up its id. Retries are
rare: whether a command is one is asked only when state, limits or the database's constraint refuse it.
"""

from __future__ import annotations

import datetime
import time
from typing import Any

import msgspec
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .. import search
from ..conf import settings
from ..exceptions import Refused
from ..models import CONTINUABLE, LIVE, Conversation, Generation, Message, Owner, Preset, Role, Status
from ..offering import one_look
from ..policy import get_policy
from ..prepared import Insert, Select, Update
from ..protocol import Accepted, Continue, Edit, Regenerate, Send
from ..serializing import message_object
from . import budgets, prompt
from .choosing import Choice, choose, choose_again, reads
from .limits import check_pace
from .locks import wait_briefly
from .orders import Call, Job, Order, Submitted
from .pauses import check_site
from .stateless import UNREAD_SECONDS
from .targets import duplicate, find_conversation, find_message, kind_of, lock, target_of
from .texts import prepared, prepared_call, prepared_note

TITLE_CHARS = 60


_last_message = Select(
    Message, lambda conversation: Message.objects.filter(conversation=conversation).order_by("-position")[:1]
)
_insert_messages = Insert(Message)
_insert_generation = Insert(Generation)
_touched = Update(
    Conversation,
    lambda pk: Conversation.objects.filter(pk=pk),
    ("revision", "updated", "model", "expires_at"),
)


def submit(order: Order) -> Submitted:
    """Carries out a creating command in one transaction. Raises `Refused`."""
    if time.monotonic() > order.deadline:
        raise Refused("unavailable")
    try:
        with transaction.atomic(), one_look():
            wait_briefly()
            return _submit(order)
    except (IntegrityError, Refused) as error:
        if isinstance(error, Refused) and error.code == "not_found":
            raise
        # The same command id may have been accepted before: its rows are the answer.
        if (earlier := duplicate(order)) is not None:
            return earlier
        raise


def _submit(order: Order) -> Submitted:
    command = order.command
    if isinstance(command, Send):
        return _send(order, command, find_conversation(order.owner, command))
    target = find_message(order.owner, command)
    conversation = lock(target.conversation)
    match command:
        case Edit():
            return _edit(order, command, conversation, target)
        case Regenerate():
            return _regenerate(order, command, conversation, target)
        case Continue():
            return _continue(order, conversation, target)


def _send(order: Order, command: Send, conversation: Conversation | None) -> Submitted:
    parent: Message | None = None
    position = 0
    if conversation is not None:
        last = next(iter(_last_message(conversation=conversation.pk)), None)
        position = last.position + 1 if last is not None else 0
        if command.parent is msgspec.UNSET or (last is not None and command.parent == last.pk):
            parent = last
        elif command.parent is not None:
            parent = conversation.messages.filter(pk=command.parent).first()
            if parent is None:
                raise Refused("not_found")
    if parent is not None:
        if parent.role == Role.USER:
            raise Refused("conflict")
        # Read under the lock, so that it is true.
        if parent.status in LIVE:
            raise Refused("busy")
    _check_limits(order, command.text)
    text = prepared(order.user, command.text, conversation)
    if order.call is not None:
        order.call = prepared_call(order.user, order.call)
    preset = _preset(order, command) if conversation is None else None
    model = command.model or (preset.model if preset is not None else "")
    choice = choose(order.user, order.health, model, conversation)
    if conversation is None:
        conversation = Conversation(
            **order.owner.fields,
            title=title_of(text),
            model=choice.name,
            temporary=command.temporary,
            expires_at=expiry() if command.temporary else None,
            system_prompt=prepared_note(order.user, command.system_prompt),
            preset=preset,
            options=command.options.given(),
            revision=1,
        )
        conversation.save(force_insert=True)
        if order.call is not None:
            parent, position = _import(order.owner, conversation, order.call)
    else:
        _touch(conversation, choice)
    return _ask(order, conversation, parent, text, choice, command.options.given(), position)


def _preset(order: Order, command: Send) -> Preset | None:
    if command.preset is None:
        return None
    preset = Preset.objects.for_user(order.user).filter(pk=command.preset).first()
    if preset is None:
        raise Refused("not_found", sentence=_("This preset is not offered any more."))
    return preset


def _import(owner: Owner, conversation: Conversation, call: Call) -> tuple[Message | None, int]:
    """Writes what the client of a call says was said before; returns the last of it and the next position."""
    parent: Message | None = None
    earlier = []
    for position, (role, text) in enumerate(call.earlier):
        parent = Message(conversation=conversation, parent=parent, role=role, content=text, position=position)
        earlier.append(parent)
    Message.objects.bulk_create(earlier)
    texts = [search.Text(message.pk, conversation.pk, message.content) for message in earlier]
    if texts:
        search.put(owner, search.Text(conversation.pk, conversation.pk, conversation.title), *texts)
    return parent, len(earlier)


def _edit(order: Order, command: Edit, conversation: Conversation, target: Message) -> Submitted:
    if target.role != Role.USER:
        raise Refused("conflict")
    _check_limits(order, command.text)
    text = prepared(order.user, command.text, conversation)
    choice = choose(order.user, order.health, "", conversation)
    _touch(conversation, choice)
    position = _next_position(conversation)
    return _ask(order, conversation, target.parent, text, choice, {}, position)


def _ask(
    order: Order,
    conversation: Conversation,
    parent: Message | None,
    text: str,
    choice: Choice,
    options: dict[str, Any],
    position: int,
) -> Submitted:
    """A user message below `parent`, and the placeholder of its answer."""
    question = Message(
        conversation=conversation, parent=parent, role=Role.USER, content=text, position=position
    )
    answer = _placeholder(order, conversation, question, choice, position + 1)
    _insert_messages(question, answer)
    if not conversation.temporary:
        title = [search.Text(conversation.pk, conversation.pk, conversation.title)] if position == 0 else []
        search.put(order.owner, *title, search.Text(question.pk, conversation.pk, text))
    return _begin(order, conversation, question, answer, choice, options, [question, answer])


def _regenerate(order: Order, command: Regenerate, conversation: Conversation, target: Message) -> Submitted:
    question = _question_of(target)
    _must_be_still(target)
    _check_limits(order)
    choice = choose_again(order.user, order.health, conversation, target.model, command.model)
    _touch(conversation, choice)
    answer = _placeholder(order, conversation, question, choice, _next_position(conversation))
    _insert_messages(answer)
    return _begin(order, conversation, question, answer, choice, {}, [answer])


def _continue(order: Order, conversation: Conversation, target: Message) -> Submitted:
    question = _question_of(target)
    _must_be_still(target)
    if target.status not in CONTINUABLE or target.children.exists():
        raise Refused("conflict")
    _check_limits(order)
    choice = choose_again(order.user, order.health, conversation, target.model)
    _touch(conversation, choice)
    target.status = Status.QUEUED if order.queued else Status.RUNNING
    target.save(update_fields=["status"])
    return _begin(order, conversation, question, target, choice, {}, [])


def _begin(
    order: Order,
    conversation: Conversation,
    question: Message,
    answer: Message,
    choice: Choice,
    options: dict[str, Any],
    new: list[Message],
) -> Submitted:
    """The generation row, and all that the pump and the watchers need to know.

    `options` stand above those that the conversation keeps.
    """
    preset = conversation.preset.options if conversation.preset is not None else {}
    options = {**preset, **conversation.options, **options}
    policy = get_policy()
    provider = reads(choice.first)
    if order.call is not None:
        told = prompt.Prompt(prompt.as_called(order.call.messages, provider))
        options = order.call.options
    else:
        told = prompt.build(
            conversation,
            question,
            policy.get_system_prompt(order.user, conversation),
            provider,
            count=policy.get_token_counter(choice.first.model),
            answer_tokens=options.get("max_tokens"),
            unfinished=answer.content,
        )
    tokens = prompt.estimate_messages(told.messages) + prompt.estimate_tokens(answer.content)
    claims = budgets.claims_of(order.owner, order.user, choice.first, tokens, options)
    generation = Generation(
        **order.owner.fields,
        message=answer,
        door=order.door,
        model=choice.first.name,
        provider=choice.first.provider,
        prompt_tokens=tokens,
        estimated=True,
        command_id=order.command.id,
        command=kind_of(order.command),
        command_target=target_of(order.command),
        status=Status.QUEUED if order.queued else Status.RUNNING,
        runner_id=order.runner,
        reserved=budgets.money(claims),
    )
    _insert_generation(generation)
    budgets.reserve(generation.pk, claims)
    return Submitted(
        Accepted(
            id=order.command.id,
            conversation=conversation.pk,
            user_message=question.pk,
            assistant_message=answer.pk,
            generation=generation.pk,
        ),
        Job(
            generation=generation.pk,
            owner=order.owner,
            door=order.door,
            targets=choice.targets,
            messages=told.messages,
            left_out=told.left_out,
            options=options,
            runner=order.runner,
            abandon_after=_abandon_after(order),
            queued=order.queued,
            reserved=bool(claims),
            conversation=conversation.pk,
            message=answer.pk,
            base=answer.content,
            base_reasoning=answer.reasoning,
            base_events=list(answer.steps),
        ),
        revision=conversation.revision,
        title=conversation.title,
        temporary=conversation.temporary,
        pinned=conversation.pinned,
        archived=conversation.archived,
        messages=[
            message_object(message, generation if message.pk == answer.pk else None) for message in new
        ],
    )


def _abandon_after(order: Order) -> float:
    """Only the client of a door can go: the host's own code waits for its answer."""
    match order.door:
        case Generation.Door.WEB:
            return get_policy().get_abandon_after(order.user)
        case Generation.Door.API:
            return UNREAD_SECONDS
    return 0


def _touch(conversation: Conversation, choice: Choice) -> None:
    """Raises the revision of a locked conversation; a temporary one lives on."""
    conversation.revision += 1
    changed = {
        "revision": conversation.revision,
        "updated": timezone.now(),
        "model": choice.name,
        "expires_at": expiry() if conversation.temporary else conversation.expires_at,
    }
    _touched(changed, pk=conversation.pk)


def expiry() -> datetime.datetime:
    """When a temporary conversation goes that somebody writes in now."""
    return timezone.now() + datetime.timedelta(seconds=settings.TEMPORARY_FOR)


def _placeholder(
    order: Order, conversation: Conversation, question: Message, choice: Choice, position: int
) -> Message:
    return Message(
        conversation=conversation,
        parent=question,
        role=Role.ASSISTANT,
        status=Status.QUEUED if order.queued else Status.RUNNING,
        model=choice.first.name,
        position=position,
    )


def _question_of(answer: Message) -> Message:
    if answer.role != Role.ASSISTANT or answer.parent is None:
        raise Refused("conflict")
    return answer.parent


def _must_be_still(message: Message) -> None:
    # The status of the row read before the lock may be old: the generations know.
    if message.generations.filter(status__in=LIVE).exists():
        raise Refused("busy")
    message.refresh_from_db()


def _check_limits(order: Order, text: str = "") -> None:
    if len(text) > settings.MAX_MESSAGE_CHARS:
        raise Refused("too_large")
    if order.refused:
        raise Refused("rate_limited", retry_after=5)
    check_site(order.health.paused)
    check_pace(order.owner, order.door)


def _next_position(conversation: Conversation) -> int:
    last: int | None = conversation.messages.aggregate(last=Max("position"))["last"]
    return 0 if last is None else last + 1


def title_of(text: str) -> str:
    """A title from the first words of the first message, at most 60 characters."""
    words = " ".join(text.split())
    if len(words) <= TITLE_CHARS:
        return words
    return words[:TITLE_CHARS].rsplit(" ", 1)[0].rstrip(".,;:!? ") + "…"
