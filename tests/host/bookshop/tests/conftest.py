from __future__ import annotations

import pytest

from chat.models import Evening
from members.models import Member

pytest_plugins = ["llmchat.testing.fixtures"]


@pytest.fixture
def member(transactional_db: None) -> Member:
    return Member.objects.create_user("ines@example.org", called="Inês")


@pytest.fixture
def evening(transactional_db: None) -> Evening:
    return Evening.objects.create(title="Small islands", author="Marta Sousa")
