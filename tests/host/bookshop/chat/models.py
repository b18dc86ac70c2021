from __future__ import annotations

from django.db import models


class Evening(models.Model):
    """A chat with an author, in the shop."""

    title = models.CharField(max_length=120)
    author = models.CharField(max_length=120)

    class Meta:
        ordering = ("title",)

    def __str__(self) -> str:
        return f"{self.title}, with {self.author}"


class Answer(models.Model):
    """What the shop counts of the help desk's work."""

    generation = models.BigIntegerField(unique=True)
    status = models.CharField(max_length=20)

    def __str__(self) -> str:
        return f"{self.generation} {self.status}"
