from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("help/chat/", include("chat.urls")),
    path("accounts/", include("allauth.account.urls")),
]
