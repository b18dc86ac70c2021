"""Who gets an account, and how often a password may be tried."""

from __future__ import annotations

import ipaddress
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter, get_adapter
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.models import AbstractBaseUser, User
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest

from . import demo


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc] # allauth is not typed
    """Sign-up as `LLMCHAT_SIGNUP` says: `open`, `closed`, or `approve` (staff activates the account)."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return settings.LLMCHAT_SIGNUP != "closed"

    def save_user(
        self, request: HttpRequest, user: AbstractBaseUser, form: Any, commit: bool = True
    ) -> AbstractBaseUser:
        user.is_active = settings.LLMCHAT_SIGNUP != "approve"
        saved: AbstractBaseUser = super().save_user(request, user, form, commit)
        return saved


class ThrottledAdminLoginForm(AdminAuthenticationForm):
    """The admin's sign-in, under the limits of the site's own: else passwords could be guessed there."""

    def clean(self) -> dict[str, Any]:
        entered = self.cleaned_data
        self.user_cache = get_adapter().authenticate(
            self.request, username=entered.get("username"), password=entered.get("password")
        )
        if self.user_cache is None:
            raise self.get_invalid_login_error()
        self.confirm_login_allowed(self.user_cache)
        return entered


class DemoOnlyHere:
    """Refuses the demo user, with the right password too, from another machine and when DEBUG is off."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        address = request.META.get("REMOTE_ADDR", "") if request else ""
        if settings.DEBUG and _is_loopback(address):
            return
        # However it is named: allauth finds users in any case, and by mail address.
        named = Q(pk__in=[])
        for name, typed in credentials.items():
            if name != "password" and typed:
                named |= Q(username__iexact=typed) | Q(email__iexact=typed)
        if User.objects.filter(named, username=demo.USERNAME).exists():
            raise PermissionDenied

    async def aauthenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        await sync_to_async(self.authenticate)(request, **credentials)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def signup(request: HttpRequest) -> dict[str, bool]:
    """Template context: what a visitor without an account is told."""
    return {
        "signup_open": settings.LLMCHAT_SIGNUP != "closed",
        "signup_needs_approval": settings.LLMCHAT_SIGNUP == "approve",
    }
