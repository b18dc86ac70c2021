"""Budgets: reserved when a command is accepted, settled when its answer has ended.

A counter is changed by one conditional UPDATE, inside the transaction of the command, so that exactly what
is allowed gets through, however many ask at once and in however many processes. Counters are taken in one
order everywhere, those that many share first: nobody waits for somebody who waits for them.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from django.db import connection
from django.db.models import F
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..exceptions import Refused
from ..models import LIVE, Budget, BudgetCounter, Generation, Owner, Reservation
from ..models.limits import NANO, WARN_AT, in_units, subject_of
from ..upstream.target import Target
from ..upstream.types import Usage
from . import alerts

#: Tokens that an answer is taken to need when nobody has said how long it may be.
ANSWER_TOKENS = 1000
#: Seconds after which the reservation of an answer that nobody knows any more is given back.
FORGOTTEN = 3600
#: Days that the counters of past windows are kept.
KEEP_DAYS = 400
#: How long to wait for one of one's own answers to end.
RUNNING_RETRY = 5.0


class Claim(msgspec.Struct):
    """What one answer asks of one budget."""

    budget: Budget
    subject: str
    starts: datetime.datetime
    ends: datetime.datetime | None
    amount: int


def applicable(owner: Owner, user: Any) -> list[Budget]:
    """The budgets that hold for `owner`, in the order of their counters. One trivial query without any."""
    table = connection.ops.quote_name(Budget._meta.db_table)
    with connection.cursor() as cursor:
        # By hand: nearly every command finds that there are none.
        cursor.execute(f"SELECT 1 FROM {table} WHERE active LIMIT 1")
        if cursor.fetchone() is None:
            return []
    budgets = list(Budget.objects.filter(active=True).order_by("-shared", "pk"))
    groups: set[Any] = set()
    if any(budget.scope == Budget.Scope.GROUP for budget in budgets) and hasattr(user, "groups"):
        groups = set(user.groups.values_list("pk", flat=True))
    return [
        budget
        for budget in budgets
        if budget.scope == Budget.Scope.EVERYONE
        or (budget.scope == Budget.Scope.USER and budget.user_id == owner.user_id)
        or (budget.scope == Budget.Scope.GROUP and budget.group_id in groups)
    ]


def claims_of(owner: Owner, user: Any, target: Target, tokens: int, options: dict[str, Any]) -> list[Claim]:
    """What an answer to a prompt of so many tokens asks of the budgets of its owner; [] without any."""
    answer = options.get("max_tokens") or options.get("max_completion_tokens") or ANSWER_TOKENS
    answer = answer if isinstance(answer, int) else ANSWER_TOKENS

    def expected_cost() -> Decimal | None:
        return target.tariff.cost(Usage(tokens, answer))[0]

    return claims(owner, user, tokens + answer, expected_cost)


def claims(owner: Owner, user: Any, tokens: int, expected_cost: Callable[[], Decimal | None]) -> list[Claim]:
    """What an answer that may take so many tokens asks of the budgets of its owner; [] without any.

    A cost that nobody knows is none. More than a whole budget is never asked for, so that a small one lets
    one answer through.
    """
    budgets = applicable(owner, user)
    if not budgets:
        return []
    amounts = {Budget.Measure.MESSAGES: 1, Budget.Measure.RUNNING: 1, Budget.Measure.TOKENS: tokens}
    if any(budget.measure == Budget.Measure.COST for budget in budgets):
        amounts[Budget.Measure.COST] = _nano(expected_cost())
    now = timezone.now()
    found = []
    for budget in budgets:
        amount = amounts[Budget.Measure(budget.measure)]
        amount = min(amount, max(budget.units, 1))
        found.append(Claim(budget, budget.subject_of(owner), *budget.period(now), amount=amount))
    return found


def of_spending(claims: list[Claim]) -> list[Claim]:
    """Those for what an answer uses up, not for its being one."""
    spending = (Budget.Measure.TOKENS, Budget.Measure.COST)
    return [claim for claim in claims if claim.budget.measure in spending]


def money(claims: list[Claim]) -> Decimal:
    """The cost that the claims reserve."""
    costs = [claim.amount for claim in claims if claim.budget.measure == Budget.Measure.COST]
    return Decimal(max(costs, default=0)) / NANO


def reserve(generation: int, claims: list[Claim]) -> None:
    """Reserves all of it for a generation, or raises `Refused`. Belongs into the command's transaction."""
    for claim in claims:
        counter = _take(claim)
        if counter is None:
            raise _refused(claim)
        Reservation.objects.create(generation_id=generation, counter_id=counter, amount=claim.amount)


def _take(claim: Claim) -> int | None:
    """The counter from which the claim was taken; None when there is not enough left."""
    limit, amount = claim.budget.units, claim.amount
    where = {"budget": claim.budget.pk, "subject": claim.subject, "starts": claim.starts}
    counters = BudgetCounter.objects.filter(**where)
    # What costs nothing is not refused for want of money; in the end it may cost something after all.
    room = counters.filter(used__lte=limit - amount - F("reserved")) if amount else counters
    for _attempt in range(2):
        if room.update(reserved=F("reserved") + amount):
            return counters.values_list("pk", flat=True).get()
        if counters.exists():
            return None
        new = BudgetCounter(
            budget=claim.budget, subject=claim.subject, starts=claim.starts, used=0, reserved=0
        )
        BudgetCounter.objects.bulk_create([new], ignore_conflicts=True)
    return None


def settle(generation: int, tokens: int, cost: Decimal | None) -> None:
    """Turns what a generation has reserved into what it has used. Belongs into the transaction of its end."""
    rows = (
        Reservation.objects.filter(generation_id=generation)
        .select_related("counter__budget")
        .order_by("-counter__budget__shared", "counter__budget")
    )
    used = {
        Budget.Measure.MESSAGES: 1,
        Budget.Measure.RUNNING: 0,
        Budget.Measure.TOKENS: tokens,
        Budget.Measure.COST: _nano(cost),
    }
    for row in rows:
        if not Reservation.objects.filter(pk=row.pk).delete()[0]:
            # Somebody else has settled it meanwhile.
            continue
        budget = row.counter.budget
        counter = BudgetCounter.objects.filter(pk=row.counter_id)
        spent = used[Budget.Measure(budget.measure)]
        counter.update(reserved=F("reserved") - row.amount, used=F("used") + spent)
        if budget.is_everyones and budget.window and budget.units:
            _warn(budget, counter)


def _warn(budget: Budget, counter: Any) -> None:
    """Tells the administrators, once in a window, that the site's budget is nearly used up."""
    threshold = -(-budget.units * WARN_AT // 100)
    if counter.filter(warned=False, used__gte=threshold).update(warned=True):
        used, starts = counter.values_list("used", "starts").get()
        alerts.budget_is_low(budget, used, budget.period(starts)[1])


def sweep() -> None:
    """Gives back what answers have reserved that are gone without an end, and forgets old counters."""
    now = timezone.now()
    old = Reservation.objects.filter(created__lt=now - datetime.timedelta(seconds=FORGOTTEN))
    keys = set(old.values_list("generation_id", flat=True)[:1000])
    if keys:
        live = set(Generation.objects.filter(pk__in=keys, status__in=LIVE).values_list("pk", flat=True))
        for generation in sorted(keys - live):
            settle(generation, 0, None)
    before = now - datetime.timedelta(days=KEEP_DAYS)
    past = BudgetCounter.objects.filter(starts__lt=before, reserved=0).exclude(budget__window="")
    BudgetCounter.objects.filter(pk__in=list(past.values_list("pk", flat=True)[:1000])).delete()


class Standing(msgspec.Struct):
    """How a budget stands for somebody. Costs are decimal strings, everything else numbers."""

    measure: str
    window: str
    scope: str
    shared: bool
    limit: int | str
    used: int | str
    reserved: int | str
    remaining: int | str
    #: Whole per cent of the limit that is used or reserved.
    percent: int
    #: ISO 8601; None for answers at once.
    resets_at: datetime.datetime | None
    text: str


def standings(owner: Owner, user: Any) -> list[Standing]:
    """How all budgets of `owner` stand, those of the whole site included."""
    budgets = applicable(owner, user)
    if not budgets:
        return []
    now = timezone.now()
    subjects = {"", subject_of(owner)}
    counters = {
        (row.budget_id, row.subject, row.starts): row
        for row in BudgetCounter.objects.filter(
            budget__in=budgets, subject__in=subjects, starts__in={b.period(now)[0] for b in budgets}
        )
    }
    found = []
    for budget in budgets:
        starts, ends = budget.period(now)
        counter = counters.get((budget.pk, budget.subject_of(owner), starts))
        used, reserved = (counter.used, counter.reserved) if counter else (0, 0)
        found.append(_standing(budget, used, reserved, ends))
    return found


def _standing(budget: Budget, used: int, reserved: int, ends: datetime.datetime | None) -> Standing:
    limit = budget.units

    def shown(units: int) -> int | str:
        value = in_units(budget.measure, units)
        return f"{value:f}" if isinstance(value, Decimal) else int(value)

    return Standing(
        measure=budget.measure,
        window=budget.window,
        scope=budget.scope,
        shared=budget.shared,
        limit=shown(limit),
        used=shown(used),
        reserved=shown(reserved),
        remaining=shown(max(0, limit - used - reserved)),
        percent=min(100, (used + reserved) * 100 // limit) if limit else 100,
        resets_at=ends,
        text=describe(budget),
    )


def describe(budget: Budget) -> str:
    """A budget in words, such as “20 messages a day”, in the language now active."""
    limit = budget.units
    match budget.measure:
        case Budget.Measure.COST:
            what = f"${number_format(budget.limit.normalize())}"
        case Budget.Measure.TOKENS:
            what = ngettext("%(n)s token", "%(n)s tokens", limit) % {"n": number_format(limit)}
        case Budget.Measure.RUNNING:
            what = ngettext("%(n)s answer at once", "%(n)s answers at once", limit) % {
                "n": number_format(limit)
            }
        case _other:
            what = ngettext("%(n)s message", "%(n)s messages", limit) % {"n": number_format(limit)}
    periods = {
        Budget.Window.MINUTE: _("%(what)s a minute"),
        Budget.Window.DAY: _("%(what)s a day"),
        Budget.Window.MONTH: _("%(what)s a month"),
    }
    return periods[Budget.Window(budget.window)] % {"what": what} if budget.window else what


def _refused(claim: Claim) -> Refused:
    budget = claim.budget
    if claim.ends is None:
        retry_after = RUNNING_RETRY
    else:
        retry_after = max(1.0, (claim.ends - timezone.now()).total_seconds())

    def sentence() -> str:
        words = {"budget": describe(budget)}
        if budget.measure == Budget.Measure.RUNNING:
            return _("No more than %(budget)s. Please wait until one has ended.") % words
        if budget.shared:
            return _("The shared budget of %(budget)s is used up for now.") % words
        return _("Your budget of %(budget)s is used up for now.") % words

    return Refused("budget_exhausted", retry_after=round(retry_after, 1), sentence=Later(sentence))


class Later:
    """A sentence that is made when it is shown, in the language of whom it is shown to."""

    def __init__(self, make: Any) -> None:
        self._make = make

    def __str__(self) -> str:
        return str(self._make())


def _nano(cost: Decimal | None) -> int:
    return 0 if cost is None else int(cost * NANO)
