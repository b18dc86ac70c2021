from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from django.test import Client

from chat.models import Evening
from members.models import Member


@pytest.fixture
def page(client: Client, member: Member) -> str:
    client.force_login(member)
    response = client.get("/help/chat/")
    nonce = re.search(r"script-src 'nonce-([^']+)'", response["Content-Security-Policy"])[1]
    return response.text.replace(nonce, "NONCE")


def test_the_chat_stands_in_the_shop_s_own_frame(page: str) -> None:
    assert '<header class="shop">' in page
    assert page.count("<html") == page.count("</body>") == 1
    assert page.index('class="shop"') < page.index('<main class="desk">') < page.index("<llmchat-app")


def test_overridden_blocks_are_the_shop_s_and_the_others_stay(page: str) -> None:
    assert "Our staff are at the counter." in page
    assert "Answers can be wrong" not in page
    assert page.index("llmchat/tokens.") < page.index("bookshop/chat.")
    assert "What is on your mind?" in page
    assert "Which novel for a long train journey?" in page
    assert "Hello, Inês" in page


def test_every_script_carries_the_nonce(page: str) -> None:
    scripts = [tag for tag in re.findall(r"<script[^>]*>", page) if "application/json" not in tag]
    assert scripts
    assert all(' nonce="NONCE"' in tag for tag in scripts)


def test_all_addresses_lie_below_the_mount(page: str) -> None:
    config = page[page.index('type="application/json"') :]
    for path in ("ws/", "api/conversations/", "api/chat", "c/{id}/"):
        assert f'"/help/chat/{path}"' in config


def test_the_tag_puts_the_chat_into_a_page_of_the_site(
    client: Client, member: Member, evening: Evening
) -> None:
    client.force_login(member)
    page = client.get(f"/evenings/{evening.pk}/").text
    assert "<h1>Small islands, with Marta Sousa</h1>" in page
    conversation = member.llmchat_conversations.get()
    assert f'"conversation": "{conversation.pk}"' in page
    assert '"routed": false' in page
    assert conversation.subject == evening


def test_who_is_not_signed_in_is_offered_it_and_comes_back(client: Client, evening: Evening) -> None:
    page = client.get(f"/evenings/{evening.pk}/").text
    here = quote(f"/evenings/{evening.pk}/", safe="")
    assert f'href="/members/sign-in/?next={here}"' in page
    assert "<llmchat-app" not in page
    assert client.get("/help/chat/")["Location"] == "/members/sign-in/?next=/help/chat/"


def test_the_chat_s_rows_are_in_the_shop_s_own_admin(client: Client, db: None) -> None:
    client.force_login(Member.objects.create_superuser("rui@example.org"))
    page = client.get("/office/").text
    assert "Back office" in page
    assert "/office/llmchat/conversation/" in page
    assert "/office/chat/evening/" in page
