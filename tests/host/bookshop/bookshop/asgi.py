from __future__ import annotations

import os

from channels.routing import URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookshop.settings")
http = get_asgi_application()

# Below, because they import models, which load only after Django's setup.
from llmchat.asgi import llmchat_application  # noqa: E402 -- see above

from chat.sockets import BellConsumer  # noqa: E402 -- see above

sockets = URLRouter([path("bell/", BellConsumer.as_asgi())])
application = llmchat_application(http, sockets)
