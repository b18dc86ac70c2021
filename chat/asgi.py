"""The ASGI application of a site with the chat in it.

from llmchat.asgi import llmchat_application

application = llmchat_application(get_asgi_application())
"""

from __future__ import annotations

from typing import Any

from channels.routing import ProtocolTypeRouter


def llmchat_application(http: Any, websocket: Any = None) -> Any:
    """`http` for requests, the chat's socket under its mount, `websocket` for all other sockets.

    Starts the engine with the server and drains it at SIGTERM: through ASGI's lifespan where the
    server has one (uvicorn, hypercorn, granian), through Twisted's reactor under daphne.
    """
    # It loads the models, and an asgi.py may import this module before Django has been set up.
    from . import bodies, lifecycle

    lifecycle.hook_into_daphne()
    return ProtocolTypeRouter(
        {
            "http": bodies.CappedBodies(http),
            "websocket": lifecycle.Sockets(websocket),
            "lifespan": lifecycle.lifespan,
        }
    )
