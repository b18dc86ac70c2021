from __future__ import annotations

from collections.abc import Iterator

import pytest

from chat.local_model import MODEL_ID, LocalModelUnavailable, weights
from project.run import free_port, local_model, wait_until_served
from tests.servers import SiteProcess

MAKE_KEY = """
from django.contrib.auth import get_user_model
from chat.models import ApiKey
user, _ = get_user_model().objects.get_or_create(username="ada")
result = ApiKey.objects.make(user, "tutorial")[1]
"""


@pytest.fixture(scope="session")
def model_port() -> Iterator[int]:
    """Where the real local model is served."""
    try:
        weights()
    except LocalModelUnavailable as missing:
        pytest.skip(str(missing))
    port = free_port()
    # Long enough to be streamed: it is shared by all tests of a busy machine.
    with local_model(port, "--max-tokens=60") as child:
        wait_until_served(child, port)
        yield port


@pytest.fixture(scope="session")
def site(model_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteProcess]:
    """The site as `make run` has it: daphne, and the local model behind it."""
    folder = tmp_path_factory.mktemp("tutorial")
    with SiteProcess(
        folder, "daphne", LOCAL_MODEL_PORT=str(model_port), OPENAI_API_KEY="", LLMCHAT_MODEL=MODEL_ID
    ) as site:
        yield site


@pytest.fixture(scope="session")
def environ(site: SiteProcess) -> dict[str, str]:
    """What a program needs to be told: base URL, key and model."""
    return {
        "OPENAI_BASE_URL": f"{site.base_url}/v1",
        "OPENAI_API_KEY": site.django(MAKE_KEY),
        "MODEL": MODEL_ID,
    }
