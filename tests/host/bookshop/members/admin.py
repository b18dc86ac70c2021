from __future__ import annotations

from django.contrib import admin

from members.models import Member


@admin.register(Member)
class MemberAdmin(admin.ModelAdmin):
    list_display = ("email", "called", "is_staff", "may_ask")
    search_fields = ("email",)
    exclude = ("password",)
