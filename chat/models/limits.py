from __future__ import annotations

import datetime
import hashlib
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .owner import Owner

#: Counters hold whole numbers, so that sums and comparisons are exact on every database: of a cost,
#: billionths.
NANO = 10**9
#: The greatest limit, and the greatest one of a cost: what counters can hold.
MOST = Decimal(10**12)
MOST_COST = Decimal(10**9)
#: Where the counter of a budget without a window stands.
ALWAYS = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
#: Per cent of a budget from which on somebody is told.
WARN_AT = 80


class Budget(models.Model):
    """How much may be used. All budgets that apply to somebody hold at the same time."""

    class Scope(models.TextChoices):
        USER = "user", _("one user")
        GROUP = "group", _("a group")
        EVERYONE = "everyone", _("everyone")

    class Measure(models.TextChoices):
        MESSAGES = "messages", _("messages")
        TOKENS = "tokens", _("tokens")
        COST = "cost", _("cost")
        RUNNING = "running", _("answers at once")

    class Window(models.TextChoices):
        MINUTE = "minute", _("per minute")
        DAY = "day", _("per day")
        MONTH = "month", _("per month")

    scope = models.CharField(_("for"), max_length=10, choices=Scope, default=Scope.EVERYONE)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("user"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
    )
    group = models.ForeignKey(
        "auth.Group",
        verbose_name=_("group"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
    )
    shared = models.BooleanField(
        _("shared"),
        default=False,
        help_text=_("One budget for all of them together; else each has their own."),
    )
    measure = models.CharField(_("what"), max_length=10, choices=Measure, default=Measure.MESSAGES)
    window = models.CharField(
        _("period"),
        max_length=10,
        choices=Window,
        blank=True,
        default=Window.DAY,
        help_text=_("Of answers at once: none."),
    )
    limit = models.DecimalField(
        _("limit"),
        max_digits=20,
        decimal_places=6,
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(MOST)],
        help_text=_("Of a cost: US dollars. 0 allows nothing, but of a cost what is free."),
    )
    active = models.BooleanField(_("active"), default=True)
    created = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("budget")
        verbose_name_plural = _("budgets")
        ordering = ("scope", "measure", "window", "id")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(scope="user", user__isnull=False, group__isnull=True)
                | models.Q(scope="group", user__isnull=True, group__isnull=False)
                | models.Q(scope="everyone", user__isnull=True, group__isnull=True),
                name="llmchat_budget_scope",
            ),
            models.CheckConstraint(
                condition=models.Q(measure="running", window="")
                | (~models.Q(measure="running") & ~models.Q(window="")),
                name="llmchat_budget_window",
            ),
            models.CheckConstraint(condition=models.Q(limit__gte=0), name="llmchat_budget_limit"),
        ]

    def __str__(self) -> str:
        whom = self.user or self.group or self.get_scope_display()
        what = f"{self.limit.normalize():f} {self.get_measure_display()} {self.get_window_display()}"
        return f"{whom}: {what.strip()}"

    def clean(self) -> None:
        if (self.scope == self.Scope.USER) != (self.user_id is not None):
            raise ValidationError({"user": _("A user is named for a budget of one user, and only for that.")})
        if (self.scope == self.Scope.GROUP) != (self.group_id is not None):
            raise ValidationError({"group": _("A group is named for a group's budget, and only for that.")})
        if (self.measure == self.Measure.RUNNING) != (not self.window):
            raise ValidationError({"window": _("Every budget has a period, but one of answers at once.")})
        whole = self.measure == self.Measure.COST or self.limit is None or self.limit == int(self.limit)
        if not whole:
            raise ValidationError({"limit": _("A whole number, please.")})
        if self.measure == self.Measure.COST and self.limit is not None and self.limit > MOST_COST:
            raise ValidationError({"limit": _("That is more than can be counted.")})

    @property
    def is_everyones(self) -> bool:
        """Whether one counter stands for the whole site."""
        return self.shared and self.scope == self.Scope.EVERYONE

    @property
    def units(self) -> int:
        """The limit as counters count it."""
        return int(self.limit * NANO) if self.measure == self.Measure.COST else int(self.limit)

    def subject_of(self, owner: Owner) -> str:
        """Whose counter counts what `owner` uses."""
        return "" if self.shared else subject_of(owner)

    def period(self, now: datetime.datetime) -> tuple[datetime.datetime, datetime.datetime | None]:
        """The window that holds `now`: its beginning, and its end (None: it has none).

        Days and months are those of the site's time zone.
        """
        local = timezone.localtime(now)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        match self.window:
            case self.Window.MINUTE:
                begin = now.replace(second=0, microsecond=0)
                return begin, begin + datetime.timedelta(minutes=1)
            case self.Window.DAY:
                return _aware(midnight), _aware(midnight + datetime.timedelta(days=1))
            case self.Window.MONTH:
                first = midnight.replace(day=1)
                return _aware(first), _aware((first + datetime.timedelta(days=32)).replace(day=1))
        return ALWAYS, None


def _aware(moment: datetime.datetime) -> datetime.datetime:
    return timezone.make_aware(moment).astimezone(datetime.UTC)


def subject_of(owner: Owner) -> str:
    """What stands for `owner` in a counter; of a guest's session only a digest, as the key is a secret."""
    if owner.user_id is not None:
        return f"user:{owner.user_id}"
    return f"guest:{hashlib.sha256(owner.session_key.encode()).hexdigest()[:32]}"


class BudgetCounter(models.Model):
    """What one subject has used of a budget in one window, and what its running answers have reserved."""

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="counters")
    #: Of `subject_of`; empty for all together.
    subject = models.CharField(max_length=80, blank=True, default="")
    starts = models.DateTimeField()
    #: In units: messages, tokens, answers, or billionths of a dollar.
    used = models.BigIntegerField(default=0)
    reserved = models.BigIntegerField(default=0)
    #: The administrators have been told that it is nearly used up.
    warned = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("counter")
        verbose_name_plural = _("counters")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=("budget", "subject", "starts"), name="llmchat_counter_once"),
        ]
        indexes = [models.Index(fields=("starts",), name="llmchat_counter_starts")]

    def __str__(self) -> str:
        return f"{self.budget_id} {self.starts:%Y-%m-%d %H:%M}"


class Reservation(models.Model):
    """What a running answer has reserved on one counter. It goes with the answer's end."""

    #: By value: of an answer whose row was deleted meanwhile it is settled all the same.
    generation_id = models.BigIntegerField(db_index=True)
    counter = models.ForeignKey(BudgetCounter, on_delete=models.CASCADE, related_name="reservations")
    amount = models.BigIntegerField()
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.generation_id}: {self.amount}"


def in_units(measure: str, units: int) -> Any:
    """Units as people read them: a number, or of a cost a Decimal."""
    return Decimal(units) / NANO if measure == Budget.Measure.COST else units
