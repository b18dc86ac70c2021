"""What a page looks like to somebody who cannot use it as it was drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()

#: Elements whose content is wider or higher than they are, though nothing in them can be scrolled.
CLIPPED = """() => {
  const clipped = [];
  for (const element of document.querySelectorAll("body *")) {
    const style = getComputedStyle(element);
    if (!element.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
    if (element.closest(".lc-hidden, svg, pre, table, .katex") || !element.clientWidth) continue;
    if (style.textOverflow === "ellipsis") continue;
    if (style.overflow === "visible" || style.display === "inline") continue;
    const across = element.scrollWidth - element.clientWidth > 1 && !/auto|scroll/.test(style.overflowX);
    const down = element.scrollHeight - element.clientHeight > 1 && !/auto|scroll/.test(style.overflowY);
    if (across || down) clipped.push(`${element.tagName}.${element.className} ${across ? "across" : "down"}`);
  }
  return clipped;
}"""


def violations(page: Page, *, rules: tuple[str, ...] = ()) -> list[str]:
    """What axe finds, with all rules or with those: rule, element and why."""
    # Whatever fades in is judged when it is there.
    page.evaluate(
        "() => Promise.all(document.getAnimations().filter((a) => "
        "a.effect.getTiming().iterations !== Infinity).map((a) => a.finished.catch(() => 0)))"
    )
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE)
    options = {"runOnly": {"type": "rule", "values": list(rules)}} if rules else {}
    found: dict[str, Any] = page.evaluate("options => axe.run(options)", options)
    return [
        f"{violation['id']}: {node['html'][:120]} {node['failureSummary'][:300]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def sideways(page: Page) -> int:
    """How many pixels the document, or the messages, could be scrolled to the side."""
    pixels: int = page.evaluate(
        """() => Math.max(
          document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth,
          ...[...document.querySelectorAll("llmchat-thread, .lc-greeting")]
            .map((element) => element.scrollWidth - element.clientWidth),
        )"""
    )
    return pixels


def clipped(page: Page) -> list[str]:
    found: list[str] = page.evaluate(CLIPPED)
    return found
