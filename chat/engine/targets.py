"""What a command aims at: is it the owner's, and has it been done already?"""

from __future__ import annotations

from django.db import connection
from django.db.models import QuerySet

from ..exceptions import Refused
from ..models import Conversation, Generation, Message, Owner
from ..prepared import Select
from ..protocol import Accepted, Continue, Creating, Edit, Regenerate, Send
from .orders import Order, Submitted


def find_conversation(owner: Owner, command: Send) -> Conversation | None:
    """The owner's conversation to send to, its row locked; None for a new one."""
    if command.conversation is None:
        if command.parent:
            raise Refused("not_found")
        return None
    return _one(_mine(**owner.fields, pk=command.conversation))


def find_message(owner: Owner, command: Edit | Regenerate | Continue) -> Message:
    """The message aimed at, in a conversation of the owner's."""
    mine = Conversation.objects.for_owner(owner)
    message = (
        Message.objects.filter(pk=command.message, conversation__in=mine)
        .select_related("conversation")
        .first()
    )
    if message is None:
        raise Refused("not_found")
    return message


def target_of(command: Creating) -> str:
    """What a command aims at, as it is kept with its id; empty for a new conversation."""
    target = command.conversation if isinstance(command, Send) else command.message
    return str(target or "")


def kind_of(command: Creating) -> str:
    """The command's type on the wire."""
    return str(command.__struct_config__.tag)


def duplicate(order: Order) -> Submitted | None:
    """The answer given before to the same command id. Raises `Refused("conflict")` for another command."""
    command = order.command
    rows = Generation.objects.filter(**order.owner.fields, command_id=command.id)
    if (earlier := rows.select_related("message").first()) is None:
        return None
    same = earlier.command == kind_of(command) and earlier.command_target == target_of(command)
    if not same or earlier.message is None or earlier.message.parent_id is None:
        raise Refused("conflict")
    return Submitted(
        Accepted(
            id=command.id,
            conversation=earlier.message.conversation_id,
            user_message=earlier.message.parent_id,
            assistant_message=earlier.message.pk,
            generation=earlier.pk,
            duplicate=True,
        )
    )


def lock(conversation: Conversation) -> Conversation:
    """The conversation as it is now, its row held until the end of the transaction."""
    return _one(_itself(pk=conversation.pk))


def _one(rows: list[Conversation]) -> Conversation:
    if not rows:
        raise Refused("not_found")
    return rows[0]


def _locked(rows: QuerySet[Conversation]) -> QuerySet[Conversation]:
    return rows.select_for_update(of=("self",)) if connection.features.has_select_for_update else rows


_itself = Select(Conversation, lambda pk: _locked(Conversation.objects.filter(pk=pk)))
_mine = Select(
    Conversation,
    lambda owner_id, session_key, pk: _locked(
        Conversation.objects.for_owner(Owner(owner_id, session_key)).filter(pk=pk)
    ),
    owner_id="owner",
)
