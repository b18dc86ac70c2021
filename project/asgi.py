from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django_application = get_asgi_application()

from chat.asgi import llmchat_application  # noqa: E402 -- models load only after Django's setup

application = llmchat_application(django_application)
