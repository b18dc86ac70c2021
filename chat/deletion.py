"""What is being written stops before it is deleted.

Who deletes conversations calls `stop` first, outside of the transaction: a flag set inside is seen by no
other process. One that is deleted without a word is missed by the next journal tick, which stops it too.
"""

from __future__ import annotations

from django.conf import settings
from django.db.models import Model, QuerySet
from django.db.models.signals import pre_delete
from django.dispatch import receiver

from .models import LIVE, Generation


def stop(generations: QuerySet[Generation]) -> None:
    """Asks those of the generations that are live to stop, wherever they run."""
    if keys := list(generations.filter(status__in=LIVE).values_list("pk", flat=True)):
        from .engine.stopping import request_stop

        request_stop(keys, reason="deleted")


@receiver(pre_delete, sender=settings.AUTH_USER_MODEL, dispatch_uid="llmchat.stop_answers_of_user")
def stop_answers_of_user(instance: Model, **kwargs: object) -> None:
    stop(Generation.objects.filter(owner=instance.pk))
