"""The pictures in docs/: the page as it is, light and dark, on a desktop and a phone, also from the right.

Every run takes them; `SCREENSHOTS=1` also keeps them (`make screenshots`).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from chat.testing.script import Script
from chat.testing.scripted_upstream import ScriptedUpstream
from tests.servers import SiteProcess

from .looks import clipped, sideways
from .person import Person
from .test_access import visit

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
ENGLISH = (
    "Why does sourdough rise without yeast from a packet?",
    """\
It does rise with yeast: with **wild** yeast, which lives in the flour and in your kitchen.

1. The yeast turns sugar into carbon dioxide and alcohol.
2. Lactic bacteria beside it make the acid, and the taste.
3. Gluten, stretched by folding, holds the gas in.

| | packet | starter |
|---|---|---|
| rises in | 1 to 2 hours | 4 to 12 hours |
| keeps for | a day | several days |
""",
)
ARABIC = (
    "لماذا يرتفع خبز العجين المخمّر بلا خميرة من كيس؟",
    """\
إنه يرتفع بالخميرة: بخميرة **برّية** تعيش في الدقيق وفي مطبخك.

1. تحوّل الخميرة السكر إلى ثاني أكسيد الكربون وكحول.
2. وإلى جانبها بكتيريا حمض اللبن تصنع الحموضة والطعم.
3. والغلوتين، إذ يُشدّ بالطيّ، يحبس الغاز.

| | كيس | خميرة طبيعية |
|---|---|---|
| يرتفع خلال | ساعة إلى ساعتين | 4 إلى 12 ساعة |
| يبقى طازجًا | يومًا | عدة أيام |
""",
)


def picture(person: Person, name: str, folder: Path) -> None:
    """Takes it, and keeps it in docs/ when that is wanted."""
    assert sideways(person.page) <= 0
    assert clipped(person.page) == []
    target = IMAGES if os.environ.get("SCREENSHOTS") else folder
    path = target / f"{name}.png"
    person.page.screenshot(path=path)
    assert path.stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("name", "device", "locale"),
    [("desktop", DESKTOP, "en"), ("phone", PHONE, "en"), ("phone-arabic", PHONE, "ar")],
    ids=["desktop", "phone", "arabic"],
)
def test_the_page_is_photographed(
    browser: Browser,
    site: SiteProcess,
    upstream: ScriptedUpstream,
    tmp_path: Path,
    name: str,
    device: dict[str, Any],
    locale: str,
    scheme: Any,
) -> None:
    person = visit(browser, site, **device, locale=locale, color_scheme=scheme, reduced_motion="reduce")
    picture(person, f"empty-{name}-{scheme}", tmp_path)
    question, answer = ARABIC if locale == "ar" else ENGLISH
    upstream.script(Script(tokens=re.findall(r"\S+\s*", answer)))
    person.ask(question)
    expect(person.answer.locator("table")).to_be_visible()
    person.page.wait_for_selector(".lc-send:not(.lc-running)")
    person.page.mouse.move(5, 5)
    picture(person, f"answer-{name}-{scheme}", tmp_path)
    if name == "desktop":
        person.page.keyboard.press("Control+K")
        expect(person.page.locator(".lc-palette")).to_be_visible()
        picture(person, f"palette-{name}-{scheme}", tmp_path)
        person.page.keyboard.press("Escape")
    person.page.locator("[data-do=tune]").click()
    expect(person.page.locator(".lc-tuner")).to_be_visible()
    picture(person, f"parameters-{name}-{scheme}", tmp_path)
    person.context.close()
