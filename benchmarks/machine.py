"""The machine the figures belong to, and which of its cores does what."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path

import msgspec

_PACKAGES = (
    "Django", "channels", "daphne", "uvicorn", "uvloop", "websockets", "autobahn", "Twisted",
    "aiohttp", "openai", "httpx2", "msgspec", "fastapi", "starlette", "psycopg",
)  # fmt: skip


class Machine(msgspec.Struct):
    """What figures cannot be compared without."""

    processor: str
    cores: int
    memory_mb: int
    system: str
    python: str
    packages: dict[str, str]
    #: How the work was laid out on the cores.
    layout: str


def describe() -> Machine:
    cores = _cores()
    layout = (
        f"the measured server on core {cores[0]}, load client and provider on core {cores[-1]}"
        if len(cores) > 1
        else "everything on one core: the figures of latency are worth little"
    )
    packages = {}
    for name in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            packages[name] = metadata.version(name)
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory_mb=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
        system=f"{platform.system()} {platform.release()} ({platform.machine()})",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        packages=packages,
        layout=layout,
    )


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _cores() -> list[int]:
    if not hasattr(os, "sched_setaffinity"):
        # macOS cannot pin.
        return [0]
    return sorted(_ALLOWED)


_ALLOWED = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0}


@contextmanager
def pinned(*, to_measure: bool) -> Iterator[None]:
    """Processes started inside run on the measured core, or on the other one."""
    cores = _cores()
    if len(cores) < 2:
        yield
        return
    os.sched_setaffinity(0, {cores[0] if to_measure else cores[-1]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, set(cores))
