from __future__ import annotations

from django.urls import path

from .views import (
    accesses,
    api,
    commands,
    feedback,
    fork,
    health,
    keys,
    limits,
    messages,
    metrics,
    mine,
    models,
    pages,
    preferences,
    presets,
    search,
    settings,
    sse,
    watch,
)
from .views.completions import views as completions

app_name = "llmchat"

urlpatterns = [
    path("", pages.index, name="index"),
    path("settings/", settings.settings, name="settings"),
    path("c/<uuid:conversation>/", pages.conversation, name="conversation"),
    path("api/conversations/", api.conversations, name="api_conversations"),
    path("api/conversations/<uuid:conversation>/", api.conversation, name="api_conversation"),
    path("api/models/", models.models, name="api_models"),
    path("api/conversations/<uuid:conversation>/fork/", fork.fork, name="api_fork"),
    path("api/messages/<uuid:message>/", messages.message, name="api_message"),
    path("api/messages/<uuid:message>/feedback/", feedback.feedback, name="api_feedback"),
    path("api/accesses/", accesses.accesses, name="api_accesses"),
    path("api/keys/", keys.keys, name="api_keys"),
    path("api/keys/<uuid:key>/", keys.key, name="api_key"),
    path("api/limits/", limits.limits, name="api_limits"),
    path("api/commands/", commands.commands, name="api_commands"),
    path("api/watch/", watch.watch, name="api_watch"),
    path("api/presets/", presets.presets, name="api_presets"),
    path("api/preferences/", preferences.preferences, name="api_preferences"),
    path("api/usage/", mine.usage, name="api_usage"),
    path("api/export/", mine.export, name="api_export"),
    path("api/account/", mine.account, name="api_account"),
    path("api/search/", search.search, name="api_search"),
    path("api/chat", sse.chat, name="api_chat"),
    path("v1/chat/completions", completions.completions, name="v1_completions"),
    path("v1/models", completions.models, name="v1_models"),
    path("v1/models/<path:model>", completions.model, name="v1_model"),
    path("v1/<path:rest>", completions.unknown),
    path("metrics", metrics.metrics, name="metrics"),
    path("healthz", health.healthz, name="healthz"),
]
