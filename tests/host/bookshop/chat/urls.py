from __future__ import annotations

from django.urls import path

from chat import views

urlpatterns = [
    path("", views.evenings, name="evenings"),
    path("evenings/<int:pk>/", views.evening, name="evening"),
    path("evenings/<int:pk>/reading-list/", views.reading_list, name="reading-list"),
    path("evenings/<int:pk>/introduction/", views.introduction, name="introduction"),
]
