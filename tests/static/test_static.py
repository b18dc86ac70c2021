"""The page's files: small, with no way to run what a model writes, and at home in any storage."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage, StaticFilesStorage
from django.core.management import call_command
from django.test import override_settings

from chat.templatetags.llmchat import FIRST_MODULES

STATIC = Path(__file__).resolve().parents[2] / "chat" / "static" / "llmchat"
#: What the page may load before the first answer, compressed, in bytes.
BUDGET = 60_000
SHEETS = ("page", "tokens", "sidebar", "layout", "controls", "messages")
#: What takes its colours and sizes from the tokens.
DRESSED = (*SHEETS[2:], "panels", "search", "print")


class HashedImports(ManifestStaticFilesStorage):
    support_js_module_import_aggregation = True


def compressed(*paths: Path) -> int:
    return sum(len(gzip.compress(path.read_bytes())) for path in paths)


def imported(*names: str) -> set[Path]:
    """The modules of these names, and all that they import before they run."""
    found: set[Path] = set()
    waiting = [STATIC / f"{name}.js" for name in names]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        for name in re.findall(
            r'^(?:import|export) (?:.* from )?"(\./[^"]+)";', path.read_text(), re.MULTILINE
        ):
            waiting.append((path.parent / name).resolve())
    return found


def chain(path: Path, importers: tuple[Path, ...] = ()) -> list[str]:
    """The longest chain of imports from a module on, those that are awaited included."""
    assert path not in importers, [each.name for each in (*importers, path)]
    # As Django sees them, which takes import("…") for one in a comment, too: types come by @import.
    names = re.findall(
        r'(?:(?:from|^import) "(\./[^"]+)";|import\("(\./[^"]+)"\))', path.read_text(), re.MULTILINE
    )
    names = [plain or awaited for plain, awaited in names]
    chains = [chain((path.parent / name).resolve(), (*importers, path)) for name in names]
    return [path.name, *max(chains, key=len, default=[])]


def test_no_chain_of_imports_is_too_long_for_a_storage_that_hashes_them() -> None:
    # Django passes five times over files that name each other, and gives up when the last one changed any.
    longest = max((chain(path) for path in STATIC.glob("*.js")), key=len)
    assert len(longest) <= ManifestStaticFilesStorage.max_post_process_passes, longest


def test_the_first_load_is_small() -> None:
    scripts = [STATIC / f"{name}.js" for name in ("app", *FIRST_MODULES)]
    assert imported("app") == set(scripts)
    assert compressed(*scripts, *(STATIC / f"{name}.css" for name in SHEETS)) < BUDGET


def test_with_the_first_answer_s_renderer_it_is_still_less_than_twice_that() -> None:
    scripts = imported("app", "render")
    assert not any("katex" in path.name or path.name == "modes.js" for path in scripts)
    assert compressed(*scripts, *(STATIC / f"{name}.css" for name in SHEETS)) < BUDGET * 1.5


def test_no_script_has_a_way_to_make_markup_or_code_of_text() -> None:
    sinks = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
    for path in STATIC.rglob("*.js"):
        assert not re.search(sinks, path.read_text()), path.name
        # KaTeX has three such places; formula.js takes what they would set away before.
        assert path.name == "katex.js" or 'setAttribute("style' not in path.read_text(), path.name


def test_nothing_is_fetched_from_elsewhere() -> None:
    for path in [*STATIC.glob("*.js"), *STATIC.glob("*.css")]:
        code = re.sub(r"^\s*(\*|//).*$|/\*.*?\*/", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
        addresses = set(re.findall(r"https?://[\w.]+", code)) - {"http://www.w3.org"}
        assert addresses == set(), path.name


def test_only_the_token_file_has_colours_in_it() -> None:
    for name in DRESSED:
        assert not re.search(r"#[0-9a-f]{3,8}\b|rgb\(|hsl\(", (STATIC / f"{name}.css").read_text()), name


def test_there_are_seven_sizes_of_text_and_no_others() -> None:
    sizes = re.findall(r"--llmchat-size-(\d+): ([\d.]+)rem", (STATIC / "tokens.css").read_text())
    assert len(sizes) <= 7
    assert all(float(rem) * 16 == float(pixels) for pixels, rem in sizes)
    for name in DRESSED:
        for kind, value in re.findall(
            r"^\s*(font(?:-size)?): (.+);", (STATIC / f"{name}.css").read_text(), re.MULTILINE
        ):
            # Code and headings inside of an answer are measured by the text around them.
            assert re.search(r"var\(--llmchat-size-\d+\)|inherit|^[\d.]+em\b", value), (name, kind, value)


def test_distances_are_on_a_grid_of_four_pixels() -> None:
    distance = re.compile(r"^\s*(?:padding|margin|gap|row-gap|column-gap)[\w-]*: (.+);", re.MULTILINE)
    for name in DRESSED:
        for value in distance.findall((STATIC / f"{name}.css").read_text()):
            rems = re.findall(r"(?<![\w.-])([\d.]+)rem\b", value)
            assert all(float(rem) * 16 % 4 == 0 for rem in rems), (name, value)


def _luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_all_text_can_be_read(scheme: int) -> None:
    found = re.findall(
        r"--llmchat-([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", (STATIC / "tokens.css").read_text()
    )
    colour = {name: pair[scheme] for name, *pair in found}
    code = ("code-keyword", "code-name", "code-number")
    for text in ("text", "muted", "accent", "danger", "warn", *code):
        for ground in ("bg", "surface", "sunken"):
            assert _contrast(colour[text], colour[ground]) >= 4.5, (text, ground)
    assert _contrast(colour["on-accent"], colour["accent"]) >= 4.5


@pytest.mark.slow
@pytest.mark.parametrize(
    "storage", [StaticFilesStorage, ManifestStaticFilesStorage, HashedImports], ids=lambda one: one.__name__
)
def test_it_is_at_home_in_a_storage(storage: type[StaticFilesStorage], tmp_path: Path) -> None:
    path = f"{storage.__module__}.{storage.__qualname__}"
    with override_settings(STATIC_ROOT=tmp_path, STORAGES={"staticfiles": {"BACKEND": path}}):
        call_command("collectstatic", "--noinput", "--verbosity=0")
    collected = tmp_path / "llmchat"
    for app in collected.glob("app*.js"):
        for imported in re.findall(
            r'from "(\./[^"]+)"|import "(\./[^"]+)"|import\("(\./[^"]+)"\)', app.read_text()
        ):
            assert (collected / next(filter(None, imported))).exists()
    if storage is HashedImports:
        (app,) = collected.glob("app.*.js")
        imports = re.findall(r'"\./([\w.]+)"[;)]', app.read_text())
        assert imports
        assert all(re.fullmatch(r"\w+\.[0-9a-f]{12}\.js", name) for name in imports)
