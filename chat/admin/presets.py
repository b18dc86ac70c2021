"""Presets and banners."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin

from ..models import Banner, Preset

if TYPE_CHECKING:
    _PresetAdmin = admin.ModelAdmin[Preset]
    _BannerAdmin = admin.ModelAdmin[Banner]
else:
    _PresetAdmin = _BannerAdmin = admin.ModelAdmin


@admin.register(Preset)
class PresetAdmin(_PresetAdmin):
    """What people may begin a conversation with."""

    list_display: tuple[Any, ...] = ("name", "model", "order", "active")
    list_filter: ClassVar[tuple[Any, ...]] = ("active",)
    search_fields = ("name", "description")
    filter_horizontal = ("groups",)
    show_full_result_count = False


@admin.register(Banner)
class BannerAdmin(_BannerAdmin):
    """What everybody is told above the chat."""

    list_display: tuple[Any, ...] = ("text", "level", "starts", "ends", "active")
    list_filter: ClassVar[tuple[Any, ...]] = ("level", "active")
    show_full_result_count = False
