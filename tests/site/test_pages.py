from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import AsyncClient, Client

INLINE = re.compile(
    r"<style|\sstyle=|\son[a-z]+=|javascript:|<script(?![^>]*(\ssrc=|type=\"application/json\"))", re.I
)


def templates() -> list[Path]:
    folders = [settings.BASE_DIR / "templates", settings.BASE_DIR / "chat" / "templates"]
    return [path for folder in folders for path in folder.rglob("*.html")]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/admin/login/", "/nothing/here"])
def test_every_page_forbids_inline_code_and_foreign_origins(client: Client, path: str) -> None:
    policy = client.get(path).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert not re.search("unsafe|https?:|[*]", policy)


@pytest.mark.django_db
def test_security_headers(client: Client) -> None:
    headers = client.get("/accounts/login/").headers
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_templates_hold_no_inline_code() -> None:
    assert templates()
    found = {path.name: match[0] for path in templates() if (match := INLINE.search(path.read_text()))}
    assert found == {}


@pytest.mark.django_db
def test_an_unknown_address_gets_the_site_s_own_page(client: Client) -> None:
    page = client.get("/nothing/here")
    assert page.status_code == 404
    assert "site/site.css" in page.text


def test_static_files_are_served_without_debug(client: Client) -> None:
    answer = client.get("/static/site/site.css")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/css")
    assert answer.content == (settings.BASE_DIR / "project/static/site/site.css").read_bytes()


async def test_static_files_are_served_by_an_asgi_server_without_streaming(async_client: AsyncClient) -> None:
    answer = await async_client.get("/static/site/site.css")
    assert not answer.streaming
    assert answer.content == (settings.BASE_DIR / "project/static/site/site.css").read_bytes()


def test_a_static_file_that_has_not_changed_is_not_sent_again(client: Client) -> None:
    first = client.get("/static/site/site.css")
    again = client.get("/static/site/site.css", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_texts_are_sent_compressed_to_who_can_read_that(client: Client) -> None:
    path = "/static/llmchat/app.js"
    plain = client.get(path)
    small = client.get(path, headers={"Accept-Encoding": "gzip, br"})
    assert gzip.decompress(small.content) == plain.content
    assert int(small.headers["Content-Length"]) == len(small.content) < len(plain.content) / 2
    assert small.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in small.headers["Vary"]
    assert "Accept-Encoding" in plain.headers["Vary"]
    part = client.get(path, headers={"Accept-Encoding": "gzip", "Range": "bytes=0-9"})
    assert (part.status_code, part.content) == (206, plain.content[:10])
    font = client.get(
        "/static/llmchat/vendor/katex/KaTeX_Main-Regular.woff2", headers={"Accept-Encoding": "gzip"}
    )
    assert font.status_code == 200
    assert "Content-Encoding" not in font.headers


@pytest.mark.django_db
def test_the_first_load_is_as_small_over_the_line_as_it_is_said_to_be(client: Client) -> None:
    client.force_login(User.objects.create_user("ann"))
    page = client.get("/").text
    links = re.findall(r"<link [^>]*>", page)
    needed = [link for link in links if 'media="print"' not in link and "icon" not in link]
    addresses = re.findall(r'(?:href|src)="(/static/[^"]+)"', " ".join(needed)) + re.findall(
        r'<script[^>]* src="(/static/[^"]+)"', page
    )
    assert "/static/llmchat/app.js" in addresses
    answers = [client.get(address, headers={"Accept-Encoding": "gzip"}) for address in addresses]
    assert sum(len(answer.content) for answer in answers) < 60_000


@pytest.mark.django_db
@pytest.mark.parametrize("staff", [True, False])
def test_the_site_puts_its_own_foot_below_the_conversations(client: Client, staff: bool) -> None:
    client.force_login(User.objects.create_user("ann", is_staff=staff))
    page = client.get("/").text
    assert "site/foot.css" in page
    assert 'action="/accounts/logout/"' in page
    assert ('href="/admin/"' in page) is staff


def test_browsers_that_ask_for_a_favicon_get_the_icon(client: Client) -> None:
    answer = client.get("/favicon.ico")
    assert answer.headers["Location"] == "/static/site/icon.svg"
    assert client.get(answer.headers["Location"]).headers["Content-Type"] == "image/svg+xml"
