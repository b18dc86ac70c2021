from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client


@pytest.fixture
def ada() -> Any:
    return get_user_model()._default_manager.create_user("ada")


@pytest.fixture
def browser(ada: Any) -> Client:
    client = Client()
    client.force_login(ada)
    return client
