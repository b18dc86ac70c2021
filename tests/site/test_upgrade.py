"""A site of the first version, with data in it, comes to the present one by `migrate` alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat.testing.scripted_upstream import ScriptedUpstream
from tests.servers import SiteProcess
from tests.wsclient import ChatClient

pytestmark = pytest.mark.slow

#: The tables as the first version made them.
OLD = """
from django.core.management import call_command
for app in ("contenttypes", "auth", "sessions", "admin"):
    call_command("migrate", app, verbosity=0)
call_command("migrate", "llmchat", "0001", verbosity=0)
"""

#: Rows as the first version wrote them.
FILL = """
import uuid
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

state = MigrationExecutor(connection).loader.project_state(("llmchat", "0001_initial"))
def old(name):
    return state.apps.get_model("llmchat", name).objects
user = get_user_model().objects.create(username="ada")
conversation = old("Conversation").create(owner_id=user.pk, title="old times", model="scripted", revision=3)
guest = old("Conversation").create(session_key="guestsession", title="a guest's")
question = old("Message").create(conversation=conversation, role="user", content="a kestrel?", position=0)
answer = old("Message").create(
    conversation=conversation, parent=question, role="assistant", content="A falcon.", position=1
)
old("Generation").create(message=answer, owner_id=user.pk, status="complete", last_n=2, cost="0.25")
broken = old("Message").create(
    conversation=conversation, parent=question, role="assistant", position=2, status="running"
)
runner = old("Runner").create(label="of the old version", dead=True)
live = old("Generation").create(message=broken, owner_id=user.pk, status="running", runner=runner)
old("JournalChunk").create(
    generation=live, first_n=1, last_n=1, frames='[%d,1,"It hov"]' % live.pk
)
old("ContentAccess").create(reader_name="ops", conversation_id=conversation.pk, action="read")
result = [str(conversation.pk), str(answer.pk), str(broken.pk)]
"""

LOOK = """
from chat.models import ContentAccess, Conversation, Generation, Message
result = {
    "titles": sorted(Conversation.objects.values_list("title", flat=True)),
    "texts": list(Message.objects.order_by("position").values_list("content", "status")),
    "costs": [str(cost) for cost in Generation.objects.exclude(cost=None).values_list("cost", flat=True)],
    "readings": ContentAccess.objects.count(),
}
"""


async def test_the_first_version_becomes_this_one_with_all_that_is_in_it(
    tmp_path: Path, database_url: str, scripted_upstream: ScriptedUpstream
) -> None:
    provider = scripted_upstream.base_url
    site = SiteProcess(tmp_path, "uvicorn", database_url=database_url, OPENAI_BASE_URL=provider)
    site.django(OLD)
    conversation, answer, broken = site.django(FILL)
    with site:
        session = site.sign_in("ada")
        async with ChatClient(site.socket_url, site.headers(session)) as client:
            await client.watch(conversation, seen={"2": -1})
            end = await client.ended(2)
            assert (end["status"], end["reason"]) == ("interrupted", "crashed")
            accepted = await client.send("and now?", conversation, parent=answer)
            await client.ended(accepted["generation"])
        found = site.django(LOOK)
    assert found["titles"] == ["a guest's", "old times"]
    assert found["texts"][:3] == [
        ["a kestrel?", "complete"],
        ["A falcon.", "complete"],
        ["It hov", "interrupted"],
    ]
    assert found["texts"][-1][1] == "complete"
    assert "0.250000000" in found["costs"]
    assert found["readings"] == 1
    assert broken
