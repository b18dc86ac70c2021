from __future__ import annotations

import stat
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import aauthenticate, authenticate
from django.contrib.auth.models import User
from django.test import RequestFactory
from pytest_django import Settings

from project import demo

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _demo_user(tmp_path: Path, settings: Settings) -> None:
    settings.DEMO_PASSWORD_FILE = tmp_path / "demo-password"
    settings.DEBUG = True
    demo.ensure_user()


def signs_in(address: str = "127.0.0.1", username: str = demo.USERNAME, password: str = "") -> bool:
    request = RequestFactory().post("/", REMOTE_ADDR=address)
    return authenticate(request, username=username, password=password or demo.password()) is not None


def test_the_demo_user_is_a_superuser_with_the_password_kept_in_the_file(settings: Settings) -> None:
    assert User.objects.get(username=demo.USERNAME).is_superuser
    assert stat.S_IMODE(settings.DEMO_PASSWORD_FILE.stat().st_mode) == 0o600
    assert signs_in()


def test_a_second_start_keeps_user_and_password() -> None:
    before = demo.password()
    demo.ensure_user()
    assert demo.password() == before
    assert User.objects.count() == 1


def test_the_password_shown_works_again_after_somebody_changed_it() -> None:
    user = User.objects.get(username=demo.USERNAME)
    user.set_password("changed on the page")
    user.save()
    demo.ensure_user()
    assert signs_in()


@pytest.mark.parametrize("address", ["::1", "127.8.8.8"])
def test_every_loopback_address_is_this_machine(address: str) -> None:
    assert signs_in(address)


@pytest.mark.parametrize("address", ["10.0.0.7", "", "::ffff:10.0.0.7"])
def test_the_demo_user_does_not_sign_in_from_elsewhere(address: str) -> None:
    assert not signs_in(address)


@pytest.mark.parametrize(
    "typed", [{"username": "Demo"}, {"username": "DEMO@example.com"}, {"email": "demo@example.com"}]
)
@pytest.mark.parametrize(("debug", "address"), [(True, "10.0.0.7"), (False, "127.0.0.1")])
def test_nor_does_it_by_any_other_way_of_typing_who_it_is(
    settings: Settings, typed: dict[str, str], debug: bool, address: str
) -> None:
    User.objects.filter(username=demo.USERNAME).update(email="demo@example.com")
    here, elsewhere = (RequestFactory().post("/", REMOTE_ADDR=each) for each in ("127.0.0.1", address))
    assert authenticate(here, **typed, password=demo.password()) is not None
    settings.DEBUG = debug
    assert authenticate(elsewhere, **typed, password=demo.password()) is None
    assert async_to_sync(aauthenticate)(elsewhere, **typed, password=demo.password()) is None


def test_somebody_whose_name_only_looks_like_it_signs_in_from_elsewhere() -> None:
    User.objects.filter(username=demo.USERNAME).delete()
    User.objects.create_user("Demo", password="correct horse")
    assert signs_in("10.0.0.7", "Demo", "correct horse")


def test_the_demo_user_does_not_sign_in_without_debug(settings: Settings) -> None:
    settings.DEBUG = False
    assert not signs_in()


def test_other_users_sign_in_from_elsewhere() -> None:
    User.objects.create_user("ann", password="correct horse")
    assert signs_in("10.0.0.7", "ann", "correct horse")


def test_the_password_is_shown_again(capsys: pytest.CaptureFixture[str]) -> None:
    demo.main()
    assert capsys.readouterr().out == f"demo / {demo.password()}\n"


def test_without_a_demo_user_a_sentence_says_how_to_make_one(settings: Settings, tmp_path: Path) -> None:
    settings.DEMO_PASSWORD_FILE = tmp_path / "nothing"
    with pytest.raises(SystemExit, match="make run"):
        demo.main()
