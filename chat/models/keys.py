from __future__ import annotations

import hashlib
import secrets
import uuid
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

#: What every key begins with, so that scanners of repositories know one when they see it.
KEY_PREFIX = "sk-llmchat-"
#: Characters of a key that are kept, for its owner to tell it from others.
SHOWN = len(KEY_PREFIX) + 4


def digest_of(key: str) -> str:
    """Under which a key is stored. Keys are random and long: no salt and no slow hash are needed."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """Where every lookup of a door begins."""

    def for_user(self, user: Any) -> ApiKeyQuerySet:
        """The keys of `user` that were not revoked, expired ones included."""
        return self.filter(owner=user, revoked_at=None)

    def usable(self) -> ApiKeyQuerySet:
        """Those that were not revoked and have not expired."""
        expired = models.Q(expires_at__lte=timezone.now())
        return self.filter(revoked_at=None).exclude(expired)

    def make(self, owner: Any, name: str, expires_at: datetime | None = None) -> tuple[ApiKey, str]:
        """A new key of `owner`: its row, and the key itself, which stands nowhere else."""
        key = KEY_PREFIX + secrets.token_urlsafe(32)
        row = self.create(
            owner=owner, name=name, prefix=key[:SHOWN], digest=digest_of(key), expires_at=expires_at
        )
        return row, key


class ApiKey(models.Model):
    """A key with which a program acts for its owner. The key itself is not kept, only its SHA-256."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("owner"),
        on_delete=models.CASCADE,
        related_name="llmchat_keys",
    )
    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(_("begins with"), max_length=24)
    digest = models.CharField(max_length=64, unique=True)
    created = models.DateTimeField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    #: True to the minute: it is not written more often.
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ("-created", "id")
        default_permissions = ("view", "change")
        indexes = [models.Index(fields=("owner", "-created"), name="llmchat_key_owner_created")]

    def __str__(self) -> str:
        return f"{self.prefix}…"
