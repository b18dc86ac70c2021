"""Deleting what may be large: answers are stopped first, and the page that asks shows counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.contrib.admin.utils import unquote
from django.db.models import CASCADE, PROTECT, RESTRICT, ManyToOneRel, Model, QuerySet
from django.http import HttpRequest, HttpResponse

from ..deletion import stop
from ..models import Conversation, Generation, LegalHold
from .base import M, ReadOnlyAdmin, _ModelAdmin


class CountingAdmin(_ModelAdmin[M]):
    """Before it deletes, it counts what hangs on the rows: Django would list it, however much there is."""

    def get_deleted_objects(
        self, objs: Sequence[M] | QuerySet[M], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        toll = Toll()
        toll.add(self.model._default_manager.filter(pk__in=[obj.pk for obj in objs]))
        lacking = {
            str(model._meta.verbose_name)
            for model in toll.counts
            if self.admin_site.is_registered(model)
            and not self.admin_site.get_model_admin(model).has_delete_permission(request)
        }
        counts = {
            str(model._meta.verbose_name_plural): count for model, count in toll.counts.items() if count
        }
        return [str(obj) for obj in objs], counts, lacking, toll.protected


class CountedDeletionAdmin(CountingAdmin[M], ReadOnlyAdmin[M]):
    """Deletes rows with all that hangs on them, and stops first what is being written there."""

    # Under names of their own: Django would find its own in this folder for all models of the app.
    delete_confirmation_template = "admin/llmchat/counted_deletion.html"
    delete_selected_confirmation_template = "admin/llmchat/counted_deletion_of_several.html"

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return request.user.has_perm(f"llmchat.delete_{self.opts.model_name}")

    def generations_of(self, queryset: QuerySet[M]) -> QuerySet[Generation]:
        """The generations that go with `queryset`; the live ones are stopped before the rows go."""
        raise NotImplementedError

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        # Before Django opens its transaction: a flag set inside it would be seen by no other process.
        if request.method == "POST" and self.has_delete_permission(request):
            obj = self.get_object(request, unquote(object_id))
            if obj is not None and not self._forbidden(obj, request):
                stop(self.generations_of(self.model._default_manager.filter(pk=obj.pk)))
        return super().delete_view(request, object_id, extra_context)

    def _forbidden(self, obj: M, request: HttpRequest) -> bool:
        """Whether Django is going to refuse: what stays goes on being answered."""
        _names, _counts, lacking, protected = self.get_deleted_objects([obj], request)
        return bool(lacking or protected)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[M]) -> None:
        stop(self.generations_of(queryset))
        super().delete_queryset(request, queryset)


class Toll:
    """What a deletion takes with it, in numbers, and what stands against it."""

    def __init__(self) -> None:
        self.counts: Counter[type[Model]] = Counter()
        self.protected: list[str] = []

    def add(self, rows: QuerySet[Any], above: frozenset[type[Model]] = frozenset()) -> None:
        """Counts `rows` and, one query per relation, all that goes with them."""
        self.counts[rows.model] += rows.count()
        above |= {rows.model}
        for relation in rows.model._meta.get_fields(include_hidden=True):
            # A one-to-one relation is one of these too.
            if not isinstance(relation, ManyToOneRel):
                continue
            related: type[Model] = relation.related_model
            hanging = related._base_manager.filter(**{f"{relation.field.name}__in": rows})
            if related is LegalHold and rows.model is Conversation:
                # One on the owner keeps it as well.
                hanging = LegalHold.objects.on(rows)
            if relation.on_delete in (PROTECT, RESTRICT):
                if count := hanging.count():
                    self.protected.append(f"{related._meta.verbose_name_plural}: {count}")
            elif relation.on_delete is CASCADE and related not in above:
                self.add(hanging, above)
