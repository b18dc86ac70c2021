from __future__ import annotations

from typing import Any

from django.dispatch import receiver
from llmchat.signals import generation_ended

from chat.models import Answer


@receiver(generation_ended)
def count(generation: int, status: str, **kwargs: Any) -> None:
    Answer.objects.create(generation=generation, status=status)
