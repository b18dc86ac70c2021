"""Every quirk of every provider, and every recorded stream, through the socket into the rows."""

from __future__ import annotations

import pytest

from chat.models import Message
from chat.testing.script import Script
from tests.insite import InSite
from tests.upstream.quirks import QUIRKS, Quirk


def status_of(quirk: Quirk) -> str:
    """The protocol's table: it broke off behind content, or it was refused or unusable, or it is whole."""
    if quirk.error is None:
        return "complete"
    return "interrupted" if quirk.broke_off and (quirk.text or quirk.reasoning) else "error"


@pytest.mark.chat(COMMANDS_PER_MINUTE=0)
@pytest.mark.slow
async def test_a_quirk_reaches_the_viewer_and_the_row_as_what_it_means(site: InSite) -> None:
    client = await site.client(await site.user())
    for quirk in QUIRKS:
        body = quirk.body.decode("utf-8", "surrogateescape")
        # Whenever it is asked, as it is asked again where that may help.
        site.upstream.default = Script(body=body, content_type=quirk.content_type)
        accepted = await client.send(quirk.name)
        end = await client.ended(accepted["generation"])
        shown = client.shown[accepted["generation"]]
        told = (shown.text, shown.reasoning, end["status"], (end["error"] or {}).get("code"))
        assert told == (quirk.text, quirk.reasoning, status_of(quirk), quirk.error), quirk.name
        row = await site.db(Message.objects.get, pk=accepted["assistant_message"])
        assert (row.content, row.reasoning, row.status) == (*told[:2], end["status"]), quirk.name
    assert not client.violations
    assert not client.mismatches
