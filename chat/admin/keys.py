"""API keys: whose they are, when they were used last, and the action that ends them."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ..models import ApiKey
from ..models.keys import SHOWN
from .base import ReadOnlyAdmin, owner_name, show_age, show_time
from .search import owners_matching


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin[ApiKey]):
    """What was made of keys, the newest first. The keys themselves are nowhere."""

    list_display: tuple[Any, ...] = ("prefix", "name", "owner_name", "made", "used", "expires", "ended")
    list_filter: ClassVar[tuple[Any, ...]] = ("created", "last_used_at")
    linked_filters = ("owner",)
    list_select_related = ("owner",)
    search_fields = ("prefix",)
    search_help_text = _("An owner, or how a key begins")
    ordering = ("-created", "id")
    sortable_by = ("made",)
    actions = ("revoke",)
    fields = ("prefix", "name", "owner_name", "made", "used", "expires", "ended")
    readonly_fields = fields

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("llmchat.change_apikey")

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        # Asked when a user is deleted: keys go with their owner, and are otherwise revoked.
        return self.has_revoke_permission(request)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        raise PermissionDenied

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), "show_delete": False}
        )

    def get_actions(self, request: HttpRequest, *args: Any) -> dict[str, Any]:
        actions = super().get_actions(request, *args)
        actions.pop("delete_selected", None)
        return dict(actions)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        # Somebody may have found a whole key, and paste it here to learn whose it is.
        condition = Q(owner__in=owners_matching(term)) | Q(prefix=term[:SHOWN])
        return queryset.filter(condition), False

    @admin.action(description=_("Revoke selected API keys"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        found = list(queryset.filter(revoked_at=None))
        ApiKey.objects.filter(pk__in=[key.pk for key in found]).update(revoked_at=timezone.now())
        if found:
            LogEntry.objects.log_actions(
                user_id=cast("int", request.user.pk),
                queryset=found,
                action_flag=CHANGE,
                change_message=str(_("Revoked.")),
            )
        text = ngettext("%d API key is revoked.", "%d API keys are revoked.", len(found))
        messages.success(request, text % len(found))

    @admin.display(description=_("owner"))
    def owner_name(self, key: ApiKey) -> str:
        return owner_name(key.owner)

    @admin.display(description=_("created"), ordering="created")
    def made(self, key: ApiKey) -> SafeString:
        return show_time(key.created)

    @admin.display(description=_("last used"))
    def used(self, key: ApiKey) -> str:
        return show_age(key.last_used_at) if key.last_used_at else str(_("never"))

    @admin.display(description=_("expires at"))
    def expires(self, key: ApiKey) -> str:
        return show_time(key.expires_at) if key.expires_at else str(_("never"))

    @admin.display(description=_("revoked at"))
    def ended(self, key: ApiKey) -> str:
        return show_time(key.revoked_at) if key.revoked_at else ""
