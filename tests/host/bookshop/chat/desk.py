from __future__ import annotations

from django.contrib.contenttypes.models import ContentType
from llmchat.models import Conversation

from chat.models import Evening
from members.models import Member


def conversation_about(evening: Evening, member: Member) -> Conversation:
    """The one that `member` has about `evening`, begun if need be."""
    conversation, _ = Conversation.objects.get_or_create(
        owner=member,
        content_type=ContentType.objects.get_for_model(evening),
        object_id=str(evening.pk),
        defaults={"title": str(evening)},
    )
    return conversation
