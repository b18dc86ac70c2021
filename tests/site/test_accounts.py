from __future__ import annotations

import re

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from pytest_django import Settings

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


@pytest.fixture
def ann() -> User:
    return User.objects.create_user("ann", "ann@example.com", PASSWORD)


def sign_up(client: Client) -> None:
    client.post("/accounts/signup/", {"username": "ben", "email": "", "password1": PASSWORD})


def sign_in(client: Client, password: str = PASSWORD, username: str = "ann", **environ: str) -> bool:
    client.post("/accounts/login/", {"login": username, "password": password}, **environ)  # type: ignore[arg-type] # WSGI environ
    return "_auth_user_id" in client.session


def test_open_sign_up_signs_in(client: Client, settings: Settings) -> None:
    settings.LLMCHAT_SIGNUP = "open"
    sign_up(client)
    assert client.session["_auth_user_id"] == str(User.objects.get(username="ben").pk)


def test_closed_sign_up_makes_no_account(client: Client, settings: Settings) -> None:
    settings.LLMCHAT_SIGNUP = "closed"
    sign_up(client)
    assert not User.objects.exists()
    assert "/accounts/signup/" not in client.get("/accounts/login/").text


def test_an_account_that_needs_approval_waits_for_the_staff(client: Client, settings: Settings) -> None:
    settings.LLMCHAT_SIGNUP = "approve"
    sign_up(client)
    assert not sign_in(client, username="ben")
    User.objects.filter(username="ben").update(is_active=True)
    assert sign_in(client, username="ben")


def test_user_name_and_mail_address_both_sign_in(client: Client, ann: User) -> None:
    assert sign_in(client)
    client.logout()
    assert sign_in(client, username="ann@example.com")


def test_after_five_wrong_passwords_the_right_one_is_refused_too(client: Client, ann: User) -> None:
    for _ in range(5):
        assert not sign_in(client, "wrong")
    assert not sign_in(client)


def test_the_admin_counts_wrong_passwords_too(client: Client) -> None:
    get_user_model().objects.create_superuser("ann", password=PASSWORD)
    for _ in range(5):
        client.post("/admin/login/", {"username": "ann", "password": "wrong"})
    client.post("/admin/login/", {"username": "ann", "password": PASSWORD})
    assert "_auth_user_id" not in client.session


def test_staff_sign_in_to_the_admin(client: Client) -> None:
    get_user_model().objects.create_superuser("ann", password=PASSWORD)
    answer = client.post("/admin/login/?next=/admin/", {"username": "ann", "password": PASSWORD})
    assert answer.headers["Location"] == "/admin/"


def test_a_forgotten_password_is_replaced_through_a_link_in_a_mail(client: Client, ann: User) -> None:
    client.post("/accounts/password/reset/", {"email": ann.email})
    link = re.search(r"http://testserver(/\S+)", str(mail.outbox[0].body))
    assert link is not None
    form = client.get(link[1], follow=True)
    client.post(
        form.redirect_chain[-1][0], {"password1": "other words here", "password2": "other words here"}
    )
    assert sign_in(Client(), "other words here")


def test_signing_out_needs_a_post(client: Client, ann: User) -> None:
    client.force_login(ann)
    assert client.get("/accounts/logout/").status_code == 200
    assert "_auth_user_id" in client.session
    client.post("/accounts/logout/")
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize(
    "path", ["login/", "signup/", "password/reset/", "password/change/", "email/", "logout/", "inactive/"]
)
def test_account_pages_wear_the_site_s_dress(client: Client, ann: User, path: str) -> None:
    if path in ("password/change/", "email/", "logout/"):
        client.force_login(ann)
    page = client.get(f"/accounts/{path}")
    assert page.status_code == 200
    assert "site/site.css" in page.text


def test_signing_in_leaves_no_message_behind_for_another_page(client: Client, ann: User) -> None:
    sign_in(client)
    assert list(client.get("/accounts/password/change/").context["messages"]) == []
