from __future__ import annotations

from django.contrib import admin

from chat.models import Answer, Evening

admin.site.register([Evening, Answer])
