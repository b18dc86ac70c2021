"""What a process tells of itself with each beat: its figures and the progress of its answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .runner import Runner

#: Characters of a token in running text, roughly; nobody counts tokens while they come.
CHARS_PER_TOKEN = 4


class Reporter:
    """Writes the reports of one runner; between two of them it measures how fast answers grow."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._last: dict[int, tuple[int, float]] = {}

    def report(self) -> dict[str, Any]:
        """`answers` is, by generation, about how many tokens there are and come in a second."""
        now = self._runner.loop.time()
        answers: dict[str, tuple[int, int]] = {}
        seen: dict[int, tuple[int, float]] = {}
        for generation, pump in self._runner.pumps.items():
            chars, moment = self._last.get(generation, (0, now))
            seen[generation] = (pump.chars, now)
            rate = (pump.chars - chars) / (now - moment) if now > moment else 0.0
            answers[str(generation)] = (pump.chars // CHARS_PER_TOKEN, round(rate / CHARS_PER_TOKEN))
        self._last = seen
        runner = self._runner
        more = {"draining": runner.draining, "answers": answers, "providers": runner.health.figures()}
        return {**runner.figures(), **more}
