"""A million messages by the database itself: `INSERT … SELECT`, on SQLite and PostgreSQL alike."""

from __future__ import annotations

import datetime
import json
from typing import Any

import msgspec
from django.contrib.auth.models import Group, User
from django.db import connection, models
from django.utils import timezone

from chat.models import (
    ContentAccess,
    Conversation,
    Feedback,
    Generation,
    Message,
    SearchEntry,
    UsageRecord,
)

#: Words that are in three messages, in one of ten, and in none.
RARE, FREQUENT, ABSENT = "zebrafish", "frequently", "nowhereatall"
DAYS = 365


class Size(msgspec.Struct):
    """How much is built; `messages` of each conversation, every second one an answer with its run."""

    users: int = 1_000
    conversations: int = 50_000
    messages: int = 20
    feedback: int = 15_000
    accesses: int = 100_000

    @property
    def total(self) -> int:
        return self.conversations * self.messages


class Dialect(msgspec.Struct):
    """What the two databases write differently."""

    series: str
    key: str
    terms: str
    moment: str
    sha: str

    def rows(self, count: int) -> str:
        """A table `s` with the column `n` from 0 to `count` - 1."""
        return self.series.format(last=count - 1)


_DIALECTS = {
    "sqlite": Dialect(
        series="(WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < {last}) "
        "SELECT n FROM s) s",
        key="md5('{kind}' || ({n}))",
        terms="{text}",
        moment="strftime('%Y-%m-%d %H:%M:%f', '{now}', '-' || ({seconds}) || ' seconds')",
        sha="sha256({text})",
    ),
    "postgresql": Dialect(
        series="generate_series(0::bigint, {last}::bigint) s(n)",
        key="md5('{kind}' || ({n}))::uuid",
        terms="array_to_tsvector(ARRAY(SELECT DISTINCT unnest(string_to_array({text}, ' '))))",
        moment="TIMESTAMPTZ '{now}' - ({seconds}) * INTERVAL '1 second'",
        sha="encode(sha256(convert_to({text}, 'UTF8')), 'hex')",
    ),
}


def build(size: Size) -> None:
    """Fills the tables; they must be empty."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            # Indices of random keys are built in memory, or every row would cost several reads.
            cursor.execute("PRAGMA cache_size = -1000000")
    users = User.objects.bulk_create(User(username=f"user{n:04d}", password="!") for n in range(size.users))
    first = min(user.pk for user in users)
    groups = Group.objects.bulk_create(Group(name=f"group {n}") for n in range(5))
    through = User.groups.through
    through.objects.bulk_create(
        through(user_id=user.pk, group_id=groups[n % len(groups)].pk) for n, user in enumerate(users)
    )
    _Builder(size, first).build()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


class _Builder:
    def __init__(self, size: Size, first_user: int) -> None:
        self.size = size
        self.first_user = first_user
        self.sql = _DIALECTS[connection.vendor]
        self.now = timezone.now().astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")

    def build(self) -> None:
        size, per = self.size, self.size.messages
        answers = size.total // 2
        # The answers, numbered as they come: k is the k-th, m the number of its message.
        message = f"((n / {per // 2}) * {per} + (n % {per // 2}) * 2 + 1)"
        of_answer = f"(n / {per // 2})"
        status = "CASE WHEN {n} % 50 = 7 THEN 'error' WHEN {n} % 50 = 9 THEN 'stopped' ELSE 'complete' END"
        error = "CASE WHEN {n} % 50 = 7 THEN 'upstream_timeout' ELSE '' END"
        model = "CASE WHEN {n} % 20 = 3 THEN 'large' ELSE 'tiny' END"
        last = f"(n * {per // 2} + {per // 2 - 1})"
        self.insert(
            Conversation,
            size.conversations,
            id=self.key("c", "n"),
            owner_id=self.owner("n"),
            title=f"'Title ' || n || {self.word('n', 1_000_003)}",
            model=model.format(n="n"),
            ended_status=status.format(n=last),
            ended_error=error.format(n=last),
            created=self.moment("n", size.conversations),
            updated=self.moment("n", size.conversations),
        )
        text = (
            "'The answer ' || n || ' has some words about the weather, lentils and old trains. ' || "
            "'w' || (n % 5000) || ' v' || ((n / 7) % 20000)"
        )
        self.insert(
            Message,
            size.total,
            id=self.key("m", "n"),
            conversation_id=self.key("c", f"n / {per}"),
            parent_id=f"CASE WHEN n % {per} = 0 THEN NULL ELSE {self.key('m', 'n - 1')} END",
            role=f"CASE WHEN n % {per} % 2 = 0 THEN 'user' ELSE 'assistant' END",
            content=f"{text} || {self.word('n', size.total // 3)}",
            position=f"n % {per}",
            created=self.moment("n", size.total),
        )
        self.insert(
            Generation,
            answers,
            message_id=self.key("m", message),
            owner_id=self.owner(of_answer),
            provider="'default'",
            model=model.format(n="n"),
            door="CASE WHEN n % 100 = 1 THEN 'api' ELSE 'web' END",
            status=status.format(n="n"),
            error_code=error.format(n="n"),
            reference="CASE WHEN n % 50 = 7 THEN 'r' || n ELSE '' END",
            timings=self.json({"first_token": 300, "total": 2000}),
            prompt_tokens="100 + n % 900",
            completion_tokens="50 + n % 400",
            cost="0.001 * (n % 100)",
            created=self.moment("n", answers),
            ended=self.moment("n", answers),
        )
        self.insert(
            UsageRecord,
            answers,
            generation_id="n + 1",
            owner_id=self.owner(of_answer),
            door="'web'",
            provider="'default'",
            model=model.format(n="n"),
            attempt="1",
            status=status.format(n="n"),
            error_code=error.format(n="n"),
            prompt_tokens="100 + n % 900",
            completion_tokens="50 + n % 400",
            cost="0.001 * (n % 100)",
            first_token_ms="100 + n * 7919 % 3000",
            total_ms="3200 + n * 104729 % 9000",
            at=self.moment("n", answers),
        )
        for kind, count, of, words in (
            ("c", size.conversations, "n", "'_title title ' || n"),
            ("m", size.total, f"n / {per}", f"lower({text})"),
        ):
            owner = "'_o' || substr(" + self.sql.sha.format(text=f"{self.owner(of)} || '|'") + ", 1, 16)"
            plain = f"replace(replace({words}, ',', ''), '.', '')"
            every = 1_000_003 if kind == "c" else size.total // 3
            terms = f"{owner} || ' ' || {plain} || {self.word('n', every)}"
            self.insert(
                SearchEntry,
                count,
                source=self.key(kind, "n"),
                conversation_id=self.key("c", of),
                terms=self.sql.terms.format(text=terms),
            )
        step = answers // size.feedback
        rated = f"(((n * {step}) / {per // 2}) * {per} + ((n * {step}) % {per // 2}) * 2 + 1)"
        self.insert(
            Feedback,
            size.feedback,
            message_id=self.key("m", rated),
            owner_id=self.owner(f"(n * {step}) / {per // 2}"),
            rating="CASE WHEN n % 3 = 0 THEN -1 ELSE 1 END",
            created=self.moment("n", size.feedback),
            updated=self.moment("n", size.feedback),
        )
        self.insert(
            ContentAccess,
            size.accesses,
            reader_id=self.owner("n"),
            reader_name="'user' || (n % 20)",
            owner_id=self.owner("n * 3"),
            owner_name="'user' || (n % 1000)",
            conversation_id=self.key("c", f"n % {size.conversations}"),
            action="'read'",
            at=self.moment("n", size.accesses),
        )

    def insert(self, table: type[models.Model], count: int, /, **given: str) -> None:
        """`count` rows; columns without an expression in `given` get the default of their field."""
        columns, parts, values = [], [], []
        for field in table._meta.concrete_fields:
            if isinstance(field, models.AutoField) and field.attname not in given:
                continue
            columns.append(connection.ops.quote_name(str(field.column)))
            if field.attname in given:
                parts.append(given[field.attname].replace("%", "%%"))
                continue
            default = field.pre_save(table(), add=True) if _is_now(field) else field.get_default()
            value = field.get_db_prep_save(default, connection)
            parts.append("%s")
            values.append(value)
        name = connection.ops.quote_name(table._meta.db_table)
        rows = self.sql.rows(count)
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {name} ({', '.join(columns)}) SELECT {', '.join(parts)} FROM {rows}", values
            )

    def key(self, kind: str, n: str) -> str:
        return self.sql.key.format(kind=kind, n=n)

    def owner(self, n: str) -> str:
        return f"({self.first_user} + (({n}) * 7919) % {self.size.users})"

    def moment(self, n: str, count: int) -> str:
        """The last ones are of now, the first ones of a year ago."""
        seconds = f"CAST(({count} - 1 - ({n})) * {DAYS * 86_400 // max(1, count)} AS INTEGER)"
        return self.sql.moment.format(now=self.now, seconds=seconds)

    def word(self, n: str, every: int) -> str:
        """The rare word once in `every`, the frequent one once in ten."""
        frequent = f"CASE WHEN ({n}) % 10 = 4 THEN ' {FREQUENT}' ELSE '' END"
        return f"{frequent} || CASE WHEN ({n}) % {every} = 5 THEN ' {RARE}' ELSE '' END"

    def json(self, value: Any) -> str:
        text = f"'{json.dumps(value)}'"
        return f"{text}::jsonb" if connection.vendor == "postgresql" else text


def _is_now(field: Any) -> bool:
    return bool(getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False))
