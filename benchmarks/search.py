"""`python -m benchmarks.search`: how long a search takes among 100,000 messages, on SQLite and PostgreSQL.

What is measured is the whole of it, as the search's door calls it: asking the index, reading the rows of
the owner, marking what was found. Most messages are one person's; the others belong to many.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests import postgresql

_ROOT = Path(__file__).resolve().parent.parent
_PAGE = _ROOT / "docs" / "benchmarks.md"
_BEGIN, _END = "<!-- search: begin -->\n", "<!-- search: end -->\n"

MESSAGES = 100_000
ROUNDS = 20
#: Milliseconds that the slowest of the searches may take, in the median of its rounds.
BOUND = 100.0

SEARCHES = {
    "a word of one message": "zanzibar",
    "a word of every second message": "common",
    "the beginning of many words": "wo",
    "two words": "common word77",
    "a phrase": '"common ground here"',
    "two characters in mid-sentence": "北京",
    "a word of a title": "lunches",
    "a word that nobody wrote": "nowhere",
}


def fill(messages: int) -> float:
    """Writes the conversations and has them indexed; returns the seconds of the latter."""
    from django.contrib.auth import get_user_model

    from chat import search
    from chat.models import Conversation, Message, Role

    dice = random.Random(20)
    users = get_user_model()._default_manager
    most = users.create_user("most")
    few = [users.create_user(f"few{n}") for n in range(20)]
    # As in real writing, some words are everywhere and most are rare.
    vocabulary = [f"word{n}" for n in range(20_000)]
    weights = [1 / (n + 1) for n in range(len(vocabulary))]
    count = messages // 20
    conversations = Conversation.objects.bulk_create(
        [
            Conversation(
                owner=few[n % 20] if n % 10 == 0 else most,
                title=f"Plan {n} of lunches" if n % 500 == 1 else f"Plan {n}",
            )
            for n in range(count)
        ],
        batch_size=1_000,
    )
    rows = []
    for number, conversation in enumerate(conversations):
        for position in range(20):
            words = dice.choices(vocabulary, weights, k=60)
            if dice.random() < 0.5:
                words[:3] = ["common", "ground", "here"]
            if dice.random() < 0.02:
                words.append("我们明天去北京看长城好吗")
            if (number, position) == (count // 2 + 1, 7):
                words.append("zanzibar")
            role = Role.ASSISTANT if position % 2 else Role.USER
            rows.append(
                Message(conversation=conversation, role=role, content=" ".join(words), position=position)
            )
    Message.objects.bulk_create(rows, batch_size=2_000)
    started = time.perf_counter()
    search.rebuild()
    return time.perf_counter() - started


def measure(rounds: int) -> dict[str, float]:
    """Milliseconds of each search, in the median of its rounds; all of them take turns."""
    from django.contrib.auth import get_user_model

    from chat import search
    from chat.models import Owner

    owner = Owner.of(get_user_model()._default_manager.get(username="most"))
    taken: dict[str, list[float]] = {name: [] for name in SEARCHES}
    for _ in range(rounds):
        for name, asked in SEARCHES.items():
            started = time.perf_counter()
            page = search.find(asked, owner)
            taken[name].append((time.perf_counter() - started) * 1000)
            assert bool(page.hits) == (asked != "nowhere"), name
    return {name: sorted(times)[len(times) // 2] for name, times in taken.items()}


def measure_here(messages: int, rounds: int) -> dict[str, Any]:
    """Fills the database of the environment and measures in it."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    indexed = fill(messages)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return {"indexed_s": indexed, "ms": measure(rounds)}


def run(messages: int, rounds: int) -> dict[str, dict[str, Any]]:
    """Measures on both databases, each in a process of its own."""
    found = {}
    with tempfile.TemporaryDirectory() as folder, postgresql.server() as url:
        for name, address in (("SQLite", f"sqlite:///{folder}/search.sqlite3"), ("PostgreSQL", url)):
            command = [sys.executable, "-m", "benchmarks.search", "--here", str(messages), str(rounds)]
            variables = {"DATABASE_URL": address, "DJANGO_SETTINGS_MODULE": "project.settings"}
            done = subprocess.run(
                command,
                cwd=_ROOT,
                env={**os.environ, **variables},
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
            found[name] = json.loads(done.stdout.splitlines()[-1])
    return found


def render(found: dict[str, dict[str, Any]], messages: int) -> str:
    """The figures as a table."""
    names = list(found)
    lines = [
        f"{messages:,} messages of 60 words, nine tenths of them one person's, who searches. "
        f"Median of {ROUNDS} rounds, milliseconds; at most {BOUND:.0f} allowed.",
        "",
        "| what is looked for | " + " | ".join(names) + " |",
        "|---|" + "--:|" * len(names),
    ]
    for search in SEARCHES:
        figures = " | ".join(f"{found[name]['ms'][search]:.1f}" for name in names)
        lines.append(f"| {search} | {figures} |")
    indexed = " | ".join(f"{found[name]['indexed_s']:.0f} s" for name in names)
    lines.append(f"| `llmchat_reindex` of all of it | {indexed} |")
    return "\n".join(lines) + "\n"


def publish(text: str) -> None:
    """Writes the figures into docs/benchmarks.md, between their own marks."""
    page = _PAGE.read_text() if _PAGE.exists() else "# Measured\n"
    if _BEGIN not in page:
        page += f"\n## Search\n\n`make bench` measures it, and fails beyond the bound.\n\n{_BEGIN}{_END}"
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    _PAGE.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{after}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--here", nargs=2, type=int, metavar=("MESSAGES", "ROUNDS"), help="only measure")
    parser.add_argument("--small", action="store_true", help="see that it works; its figures say nothing")
    parser.add_argument("--publish", action="store_true", help="also write the figures into docs/")
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measure_here(*options.here)))
        return 0
    messages, rounds = (2_000, 2) if options.small else (MESSAGES, ROUNDS)
    found = run(messages, rounds)
    text = render(found, messages)
    print(text)
    if options.small:
        print("A small run: nothing here is a measurement.")
        return 0
    if options.publish:
        publish(text)
    return 0 if all(took <= BOUND for one in found.values() for took in one["ms"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
