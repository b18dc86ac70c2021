from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path

urlpatterns = [
    path("office/", admin.site.urls),
    path("members/sign-in/", LoginView.as_view(), name="sign-in"),
    path("members/sign-out/", LogoutView.as_view(next_page="sign-in"), name="sign-out"),
    path("", include("chat.urls")),
]
urlpatterns += [path("help/chat/", include("llmchat.urls"))]
