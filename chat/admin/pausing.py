"""The switches of the console: a model, a provider or the whole site takes no questions for a while."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..conf import settings
from ..models import LIVE, ChatModel, Generation, Pause
from .base import ReadOnlyAdmin

#: Seconds until every process knows: a beat, and the time it takes.
IN_FORCE = 5


def pauses() -> list[Pause]:
    """What is switched off."""
    return list(Pause.objects.all())


def names_to_pause() -> list[str]:
    """What can be chosen: each provider, and each model that the settings or the catalogue name."""
    names = {f"{alias}/" for alias in settings.PROVIDERS}
    names |= {f"{alias}/{name}" for alias, own in settings.PROVIDERS.items() for name in own.MODELS}
    names |= {str(model) for model in ChatModel.objects.filter(enabled=True)[:500]}
    return sorted(names)


class PauseAdmin(ReadOnlyAdmin[Generation]):
    """POST `pause` with `name` or `site`, `why` and `stop`; or `resume` with the name."""

    def has_pause_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("llmchat.change_pause")

    def _pause(self, request: HttpRequest) -> HttpResponse:
        if not self.has_pause_permission(request):
            raise PermissionDenied
        name = request.POST.get("name", "").strip()[:200]
        if "resume" in request.POST:
            name = request.POST["resume"][:200]
            done, _counts = Pause.objects.filter(model=name).delete()
            if done:
                self._log(request, name, _("Taken into use again."))
                messages.success(request, _("%(what)s takes questions again.") % {"what": what_of(name)})
        elif not name and "site" not in request.POST:
            messages.error(request, _("Please choose what to switch off."))
        else:
            self._switch_off(request, name)
        return HttpResponseRedirect(
            reverse("admin:llmchat_generation_running", current_app=self.admin_site.name)
        )

    def _switch_off(self, request: HttpRequest, name: str) -> None:
        why = request.POST.get("why", "").strip()[:200]
        try:
            with transaction.atomic():
                Pause.objects.create(model=name, why=why, by=request.user.get_username()[:254])
        except IntegrityError:
            messages.info(request, _("%(what)s is switched off already.") % {"what": what_of(name)})
            return
        self._log(request, name, _("Switched off.") + (f" {why}" if why else ""))
        text = _("%(what)s takes no questions, in all processes within %(seconds)d seconds.")
        messages.success(request, text % {"what": what_of(name), "seconds": IN_FORCE})
        if "stop" in request.POST and request.user.has_perm("llmchat.change_generation"):
            from ..engine.stopping import request_stop

            count = request_stop(list(_running(name).values_list("pk", flat=True)), reason="admin")
            said = ngettext("%d generation is being stopped.", "%d generations are being stopped.", count)
            messages.success(request, said % count)

    def _log(self, request: HttpRequest, name: str, text: str) -> None:
        LogEntry.objects.create(
            user_id=cast("int", request.user.pk),
            content_type=ContentType.objects.get_for_model(Pause),
            object_id=name,
            object_repr=what_of(name)[:200],
            action_flag=CHANGE,
            change_message=text,
        )


def what_of(name: str) -> str:
    """What a pause is called."""
    return name or _("The whole site")


def _running(name: str) -> QuerySet[Any]:
    """The live generations that a pause of `name` is about."""
    live = Generation.objects.filter(status__in=LIVE)
    provider, slash, model = name.partition("/")
    if not name:
        return live
    if slash and not model:
        return live.filter(provider=provider)
    if slash and provider in settings.PROVIDERS:
        return live.filter(provider=provider, model__in=(name, model))
    return live.filter(model=name)
