"""What has expired goes, whatever a host keeps."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db.models import ProtectedError
from django.db.models.signals import pre_delete
from django.utils import timezone

from chat.engine import expiry
from chat.models import Conversation


@pytest.fixture
def protected() -> Iterator[set[Any]]:
    """Conversations to which rows of a host's point, with `on_delete=PROTECT`."""
    keys: set[Any] = set()

    def protect(instance: Conversation, **kwargs: object) -> None:
        if instance.pk in keys:
            raise ProtectedError("Cannot delete it: an invoice refers to it.", set())

    pre_delete.connect(protect, sender=Conversation)
    yield keys
    pre_delete.disconnect(protect, sender=Conversation)


def expired(minutes: int) -> Conversation:
    user, _ = get_user_model()._default_manager.get_or_create(username="ada")
    past = timezone.now() - datetime.timedelta(minutes=minutes)
    return Conversation.objects.create(owner=user, temporary=True, expires_at=past)


@pytest.mark.django_db(transaction=True)
def test_one_that_a_host_protects_is_not_in_the_way_of_the_others(
    protected: set[Any], caplog: pytest.LogCaptureFixture
) -> None:
    kept = expired(3)
    protected.add(kept.pk)
    expired(2)
    expired(1)
    while expiry.purge(1):
        pass
    assert list(Conversation.objects.values_list("pk", flat=True)) == [kept.pk]
    assert str(kept.pk) in caplog.text
    protected.clear()
    Conversation.objects.update(expires_at=timezone.now())
    assert expiry.purge(1) == 1
    assert not Conversation.objects.exists()
