from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from .shop import Shop
from .venv import build_wheel, install

HERE = Path(__file__).parent
# A project of its own, with a suite of its own, which runs in its own environment.
collect_ignore = ["bookshop"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("slow")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return build_wheel(settings.BASE_DIR, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment in which the wheel is installed, as a host would."""
    folder = tmp_path_factory.mktemp("host") / "venv"
    return install(wheel, folder, extras=["daphne", "postgres", "testing"], beside=["whitenoise"])


@pytest.fixture(scope="session")
def shop(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The bookshop as it is before its doors open: migrated, and with its assets collected."""
    shop = Shop(python, tmp_path_factory.mktemp("host") / "bookshop")
    shop.run("manage.py", "migrate")
    shop.run("manage.py", "collectstatic", "--noinput")
    return shop
