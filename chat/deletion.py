"""What is being written stops before it is deleted.

Who deletes conversations calls `stop` first, outside of the transaction: a flag set inside is seen by no
other process. One that is deleted without a word is missed by the next journal tick, which stops it too.
"""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Model, ProtectedError, QuerySet
from django.db.models.signals import pre_delete
from django.dispatch import receiver

from .conf import settings as chat_settings
from .models import LIVE, Conversation, Generation, LegalHold, Message


def stop(generations: QuerySet[Generation]) -> None:
    """Asks those of the generations that are live to stop, wherever they run."""
    if keys := list(generations.filter(status__in=LIVE).values_list("pk", flat=True)):
        from .engine.stopping import request_stop

        request_stop(keys, reason="deleted")


def remove(conversation: UUID) -> None:
    """Deletes a conversation for good, with all that hangs on it. Outside of any transaction.

    Raises ProtectedError, and nothing is stopped, while a legal hold keeps it.
    """
    if held := LegalHold.objects.on(Conversation.objects.filter(pk=conversation)):
        raise ProtectedError("A legal hold keeps this conversation.", set(held))
    # Before the transaction: a flag set inside it would be seen by no other process.
    stop(Generation.objects.filter(message__conversation=conversation))
    with transaction.atomic():
        # In the order in which an answer's end takes its rows: the other way round each would wait for
        # the other. Then whoever sends there at this moment is first, or is told that it is gone.
        answers = Message.objects.filter(conversation=conversation).values("pk")
        generations = Generation.objects.select_for_update().filter(message__in=answers).order_by("pk")
        list(generations.values_list("pk"))
        rows = Conversation.objects.filter(pk=conversation)
        list(rows.select_for_update().values_list("pk"))
        rows.delete()


@receiver(pre_delete, sender=Conversation, dispatch_uid="llmchat.keep_what_is_held")
def keep_what_is_held(instance: Conversation, **kwargs: object) -> None:
    """A hold on its owner protects a conversation as one on itself does, which the database sees to."""
    if instance.owner_id is not None and (held := LegalHold.objects.filter(user=instance.owner_id)):
        raise ProtectedError("A legal hold keeps this conversation.", set(held))


@receiver(pre_delete, sender=settings.AUTH_USER_MODEL, dispatch_uid="llmchat.part_with_conversations")
def part_with_conversations(instance: Model, **kwargs: object) -> None:
    """What stays of a user who is deleted says whose it was, or does not, as `ON_USER_DELETE` has it."""
    rows = Conversation.objects.filter(owner=instance.pk)
    if chat_settings.ON_USER_DELETE == "anonymise":
        rows.update(metadata={}, content_type=None, object_id="", system_prompt="")
    elif chat_settings.ON_USER_DELETE == "keep":
        name = instance.get_username()  # type: ignore[attr-defined] # a user's
        for row in rows.only("pk", "metadata").iterator(chunk_size=500):
            metadata = {**row.metadata, "owner": {"id": str(instance.pk), "name": name}}
            Conversation.objects.filter(pk=row.pk).update(metadata=metadata)


@receiver(pre_delete, sender=settings.AUTH_USER_MODEL, dispatch_uid="llmchat.stop_answers_of_user")
def stop_answers_of_user(instance: Model, **kwargs: object) -> None:
    stop(Generation.objects.filter(owner=instance.pk))
