"""Pages of a list that may have a million rows."""

from __future__ import annotations

from typing import Any, cast

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

#: Rows that are counted; of a longer list is said that there are more.
CAP = 10_000


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # Django's takes none at run time
    """Counts no further than `CAP` rows, and pages through as many: who looks further back, filters."""

    @cached_property
    def counted(self) -> int:
        """The rows there are, or `CAP` + 1."""
        rows = cast("QuerySet[Any]", self.object_list)
        return rows.order_by().values("pk")[: CAP + 1].count()

    @cached_property
    def count(self) -> int:
        return min(self.counted, CAP)

    @property
    def capped(self) -> bool:
        """Whether there are more rows than pages."""
        return self.counted > CAP
