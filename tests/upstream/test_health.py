"""What the requests tell of the providers, and what follows from it."""

from __future__ import annotations

import pytest

from chat.upstream import choice
from chat.upstream.errors import UpstreamError
from chat.upstream.health import LONGEST, MAX_KNOWN, Health
from chat.upstream.prices import Tariff
from chat.upstream.target import Target

A = Target("a", "first", "a", Tariff("a", ""))
B = Target("b", "first", "b", Tariff("b", ""))
C = Target("c", "second", "c", Tariff("c", ""))
UNREACHABLE = UpstreamError("upstream_unreachable")
TIMEOUT = UpstreamError("upstream_timeout")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(failures=3, seconds=30, clock=clock)


def fail(health: Health, target: Target, error: UpstreamError, times: int = 1) -> None:
    for _ in range(times):
        health.asked(target)
        health.failed(target, error)


def test_some_failures_in_a_row_open_the_circuit_of_the_whole_provider(health: Health) -> None:
    fail(health, A, UNREACHABLE, 2)
    assert health.allows(A)
    fail(health, A, UNREACHABLE)
    assert (health.allows(A), health.allows(B), health.allows(C)) == (False, False, True)


def test_a_whole_answer_between_them_starts_the_count_anew_and_a_first_word_does_not(
    health: Health,
) -> None:
    fail(health, A, UNREACHABLE, 2)
    health.asked(A)
    health.answered(A, 0.1)
    health.completed(A)
    fail(health, A, UNREACHABLE, 2)
    assert health.allows(A)
    health.asked(A)
    health.answered(A, 0.1)
    fail(health, A, UNREACHABLE)
    assert not health.allows(A)


def test_one_timeout_is_enough(health: Health) -> None:
    fail(health, A, TIMEOUT)
    assert not health.allows(A)


def test_half_open_one_request_finds_out_for_all(health: Health, clock: Clock) -> None:
    fail(health, A, TIMEOUT)
    clock.now += 29
    assert not health.allows(A)
    assert health.wait(A) == pytest.approx(1)
    clock.now += 2
    assert health.allows(A)
    health.asked(A)
    assert not health.allows(B)
    health.answered(A, 0.1)
    assert health.allows(B)
    assert {figure["state"] for figure in health.figures()} == {"closed"}


def test_a_failed_trial_opens_it_for_twice_as_long(health: Health, clock: Clock) -> None:
    fail(health, A, TIMEOUT)
    waits = []
    for _ in range(6):
        clock.now += health.wait(A)
        fail(health, A, UNREACHABLE)
        waits.append(health.wait(A))
    assert waits == pytest.approx([60, 120, 240, LONGEST, LONGEST, LONGEST])


def test_a_trial_that_is_given_up_leaves_room_for_the_next(health: Health, clock: Clock) -> None:
    fail(health, A, TIMEOUT)
    clock.now += 31
    health.asked(A)
    health.left(A)
    assert health.allows(A)


@pytest.mark.parametrize("code", ["upstream_rate_limited", "model_unavailable"])
def test_what_is_said_of_a_model_counts_for_the_model_alone(health: Health, code: str) -> None:
    fail(health, A, UpstreamError(code, status=429, retry_after=7))
    assert (health.allows(A), health.allows(B)) == (False, True)


def test_a_limit_lasts_as_long_as_it_is_said_to(health: Health, clock: Clock) -> None:
    fail(health, A, UpstreamError("upstream_rate_limited", status=429, retry_after=7))
    clock.now += 6.9
    assert not health.allows(A)
    clock.now += 0.2
    assert health.allows(A)


@pytest.mark.parametrize(
    "error",
    [
        UpstreamError("context_too_long", status=400),
        UpstreamError("content_filtered"),
        UpstreamError("upstream_error", status=422),
    ],
)
def test_the_requests_own_fault_says_nothing_of_the_provider(health: Health, error: UpstreamError) -> None:
    fail(health, A, error, 9)
    assert health.allows(A)


def test_the_names_of_strangers_do_not_pile_up(health: Health) -> None:
    for number in range(2 * MAX_KNOWN):
        name = f"stranger {number}"
        fail(health, Target(name, "first", name, Tariff(name, "")), UpstreamError("model_unavailable"))
    health.answered(A, 0.1)
    names = [figure["name"] for figure in health.figures()]
    assert len(names) == MAX_KNOWN
    assert {"first", "first/a"} <= set(names)


def test_latency_is_averaged_and_forgotten_in_time(health: Health, clock: Clock) -> None:
    assert health.latency(A) is None
    health.answered(A, 1.0)
    health.answered(A, 2.0)
    assert health.latency(A) == pytest.approx(1.3)
    clock.now += 3601
    assert health.latency(A) is None
    health.answered(A, 0.5)
    assert health.latency(A) == 0.5


def test_the_kept_one_comes_first_while_it_is_healthy(health: Health) -> None:
    assert choice.rank([A, C], health, kept="c") == [C, A]
    fail(health, C, TIMEOUT)
    assert choice.rank([A, C], health, kept="c") == [A, C]


@pytest.mark.parametrize("retry", [1, 2, 3])
def test_pauses_are_random_below_a_ceiling_that_doubles(retry: int) -> None:
    pauses = [choice.pause(UNREACHABLE, retry, 0.5, 30) for _ in range(200)]
    ceiling = 0.5 * 2 ** (retry - 1)
    assert all(pause is not None and 0 <= pause <= ceiling for pause in pauses)
    assert max(filter(None, pauses)) > ceiling / 2
    assert min(filter(None, pauses)) < ceiling / 2


def test_a_wish_to_wait_is_met_up_to_a_limit() -> None:
    limited = UpstreamError("upstream_rate_limited", status=429, retry_after=30)
    pause = choice.pause(limited, 1, 0.5, 30)
    assert pause is not None
    assert 30 <= pause <= 31
    limited.retry_after = 30.5
    assert choice.pause(limited, 1, 0.5, 30) is None
