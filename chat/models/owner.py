from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from django.db import models

from ..conf import settings

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser


@dataclasses.dataclass(frozen=True, slots=True)
class Owner:
    """Whom a conversation belongs to: a user, or the session of a guest. Exactly one is set."""

    user_id: Any = None
    session_key: str = ""

    @classmethod
    def of(cls, user: AbstractBaseUser | AnonymousUser | None, session_key: str = "") -> Owner:
        """The owner that `user` is, or the guest of `session_key` where nobody is signed in."""
        if user is not None and user.is_authenticated:
            return cls(user_id=user.pk)
        return cls(session_key=session_key)

    def __bool__(self) -> bool:
        return self.user_id is not None or bool(self.session_key)

    @property
    def fields(self) -> dict[str, Any]:
        """Field values and filter arguments for any model with `owner` and `session_key`."""
        return {"owner_id": self.user_id, "session_key": self.session_key}


def as_configured(collector: Any, field: Any, sub_objs: Any, using: str) -> None:
    """An `on_delete`: conversations go with their owner, or are nobody's from then on, as the site has it."""
    on_delete = models.CASCADE if settings.ON_USER_DELETE == "delete" else models.SET_NULL
    on_delete(collector, field, sub_objs, using)
