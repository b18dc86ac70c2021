"""The catalogue of models, and whether their providers work."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from asgiref.sync import async_to_sync
from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from ..conf import settings
from ..engine import discovery
from ..engine.running import runners
from ..models import CAPABILITIES, ChatModel
from ..offering import tariff
from ..upstream.errors import UpstreamError
from .base import ReadOnlyAdmin, show_time

#: Models that one action asks for an answer; each may cost a little.
MAX_TESTED = 10


class ChatModelForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Providers to choose from, capabilities to tick, fallbacks one a line."""

    provider = forms.ChoiceField(label=_("provider"))
    capabilities = forms.MultipleChoiceField(
        label=_("capabilities"), required=False, widget=forms.CheckboxSelectMultiple
    )
    fallbacks = forms.CharField(
        label=_("fallbacks"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Who is asked when it fails, in this order, one a line: provider/model."),
    )

    class Meta:
        model = ChatModel
        fields = (
            *("provider", "name", "label", "description", "order", "enabled", "groups", "capabilities"),
            *("context_tokens", "prompt_price", "cached_price", "completion_price", "fallbacks"),
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        aliases = list(settings.PROVIDERS)
        if self.instance.provider and self.instance.provider not in aliases:
            aliases.append(self.instance.provider)
        choices = {"provider": [(alias, alias) for alias in aliases], "capabilities": CAPABILITIES.items()}
        for name, offered in choices.items():
            cast("forms.ChoiceField", self.fields[name]).choices = list(offered)
        able = self.instance.capabilities or {}
        self.initial["capabilities"] = [name for name in CAPABILITIES if able.get(name)]
        self.initial["fallbacks"] = "\n".join(self.instance.fallbacks or [])

    def clean_capabilities(self) -> dict[str, bool]:
        return dict.fromkeys(self.cleaned_data["capabilities"], True)

    def clean_fallbacks(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data["fallbacks"].splitlines() if line.strip()]


@admin.register(ChatModel)
class ChatModelAdmin(ReadOnlyAdmin[ChatModel]):
    """The models on offer. Without an enabled one, the settings alone decide."""

    form = ChatModelForm
    change_list_template = "admin/llmchat/chatmodel_list.html"
    list_display: tuple[Any, ...] = ("__str__", "label", "order", "enabled", "price", "state", "last_listed")
    list_editable = ("order", "enabled")
    list_filter: ClassVar[tuple[Any, ...]] = ("enabled", "provider", "listed")
    search_fields = ("name", "label", "provider")
    ordering = ("order", "provider", "name")
    filter_horizontal = ("groups",)
    readonly_fields = ("listed", "listed_at", "price")
    actions = ("test_models", "enable", "disable")
    fieldsets = (
        (None, {"fields": (("provider", "name"), "label", "description", ("enabled", "order"), "groups")}),
        (_("What it can do"), {"fields": ("capabilities", "context_tokens")}),
        (
            _("What it costs"),
            {"fields": ("price", ("prompt_price", "cached_price", "completion_price"))},
        ),
        (_("When it fails"), {"fields": ("fallbacks",)}),
        (_("At its provider"), {"fields": (("listed", "listed_at"),)}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("llmchat.add_chatmodel")

    def has_change_permission(self, request: HttpRequest, obj: ChatModel | None = None) -> bool:
        return request.user.has_perm("llmchat.change_chatmodel")

    def has_delete_permission(self, request: HttpRequest, obj: ChatModel | None = None) -> bool:
        return request.user.has_perm("llmchat.delete_chatmodel")

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("sync/", view(self.sync), name="llmchat_chatmodel_sync"),
            path("test/", view(self.test), name="llmchat_chatmodel_test"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"providers": list(settings.PROVIDERS), "health": health_figures()}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def sync(self, request: HttpRequest) -> HttpResponse:
        """Asks the providers for their models and enters them."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        for alias in _asked(request):
            try:
                listed = async_to_sync(discovery.ask_for_models)(alias)
            except UpstreamError as error:
                messages.error(request, f"{alias}: {discovery.explain(error)}")
                continue
            found = discovery.enter(alias, listed)
            told = _("%(provider)s: %(listed)d listed, %(new)d new, %(gone)d gone.") % {
                "provider": alias,
                "listed": found.listed,
                "new": len(found.new),
                "gone": len(found.gone),
            }
            messages.success(request, told)
        return self._back()

    def test(self, request: HttpRequest) -> HttpResponse:
        """Whether each provider can be used, in a sentence."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        for alias in _asked(request):
            self._tell(request, alias, async_to_sync(discovery.try_provider)(alias))
        return self._back()

    @admin.action(description=_("Ask the selected models for a short answer"), permissions=("change",))
    def test_models(self, request: HttpRequest, queryset: QuerySet[ChatModel]) -> None:
        for row in queryset.filter(provider__in=list(settings.PROVIDERS))[:MAX_TESTED]:
            self._tell(request, str(row), async_to_sync(discovery.try_model)(row.provider, row.name))

    @admin.action(description=_("Offer the selected models"), permissions=("change",))
    def enable(self, request: HttpRequest, queryset: QuerySet[ChatModel]) -> None:
        queryset.update(enabled=True)

    @admin.action(description=_("Withdraw the selected models"), permissions=("change",))
    def disable(self, request: HttpRequest, queryset: QuerySet[ChatModel]) -> None:
        queryset.update(enabled=False)

    @admin.display(description=_("price, per million tokens"))
    def price(self, row: ChatModel) -> str:
        if row.prompt_price is not None and row.completion_price is not None:
            return f"{row.prompt_price.normalize():f} + {row.completion_price.normalize():f}"
        listed = tariff(row.provider, row.name).price()
        return " + ".join(listed.shown().values()) if listed is not None else ""

    @admin.display(description=_("state"))
    def state(self, row: ChatModel) -> str:
        if row.provider not in settings.PROVIDERS:
            return str(_("provider is not in the settings"))
        if not row.listed:
            return str(_("no longer listed"))
        known = {figure["name"]: figure for figure in health_figures()}
        for name in (row.provider, str(row)):
            if name in known and known[name]["state"] != "closed":
                return str(_("in trouble"))
        return str(_("in order"))

    @admin.display(description=_("last listed"), ordering="listed_at")
    def last_listed(self, row: ChatModel) -> str:
        return show_time(row.listed_at) if row.listed_at is not None else ""

    def _tell(self, request: HttpRequest, name: str, tested: discovery.Tested) -> None:
        level = messages.SUCCESS if tested.works else messages.ERROR
        messages.add_message(request, level, f"{name}: {tested.verdict}")

    def _back(self) -> HttpResponseRedirect:
        return HttpResponseRedirect(reverse("admin:llmchat_chatmodel_changelist"))


def _asked(request: HttpRequest) -> list[str]:
    """The providers that are to be asked: none where the page was merely looked at."""
    return list(settings.PROVIDERS) if request.method == "POST" else []


def health_figures() -> list[dict[str, Any]]:
    """What the runners of this process know of the providers."""
    return [figure for runner in runners() for figure in runner.health.figures()]
