"""Where the browser tests find a Chromium; `python -m tests.chromium` gets one where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

from playwright.sync_api import Browser, Playwright, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: Seconds for a download on a slow line.
INSTALL_TIMEOUT = 600
#: What nobody looks at and costs most of a new window: the browser's own toolbar, as web pages. Playwright's
#: own list is named again, because the last one counts.
WITHOUT = (
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIReloadButton"),
    *(
        "AvoidUnnecessaryBeforeUnloadCheckSync",
        "DestroyProfileOnBrowserClose",
        "HttpsUpgrades",
        "LensOverlay",
    ),
    *("MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning"),
)
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", f"--disable-features={','.join(WITHOUT)}"),
)


def launch(playwright: Playwright, path: str) -> Browser:
    """The Chromium at `path`, without a window."""
    return playwright.chromium.launch(executable_path=path, args=list(FLAGS))


def find() -> str | None:
    """The path of a Chromium that starts here: the system's, else Playwright's own."""
    return next((path for path in _candidates() if _starts(path)), None)


def ensure() -> str | None:
    """As `find`, after trying to install one: with Playwright, then, as root, with the system's packages."""
    installers = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        installers += [
            [sys.executable, "-m", "playwright", "install-deps", "chromium"],
            ["apt-get", "update"],
            ["apt-get", "install", "--yes", "--no-install-recommends", "chromium"],
        ]
    path = find()
    for command in installers:
        if path is not None:
            break
        print("No Chromium that starts here; trying:", *command, flush=True)
        try:
            subprocess.run(command, check=False, timeout=INSTALL_TIMEOUT)
        except (OSError, subprocess.TimeoutExpired) as error:
            print(error)
        path = find()
    return path


def _candidates() -> Iterator[str]:
    yield from filter(None, map(shutil.which, NAMES))
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    if os.path.exists(own):
        yield own


def _starts(path: str) -> bool:
    command = [path, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", "about:blank"]
    try:
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


if __name__ == "__main__":
    print("Chromium:", ensure() or "none, the browser tests will be skipped")
