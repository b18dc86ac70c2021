"""Fetches and rebuilds the third-party files of the chat page: `python tools/vendor.py`.

Needs node with npm. The versions below are the ones in the tree; change one, run, look at the
difference, commit. What each file is and under which licence stands in the README written beside it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

MARKDOWN_IT = "15.0.3"
LUCIDE = "1.62.0"
KATEX = "0.19.1"
MODES = "6.5.5"
ESBUILD = "0.28.2"
#: For the tests alone; in package.json too, for whoever wants it at hand.
AXE = "4.14.1"

ICONS = [
    "archive",
    "archive-restore",
    "arrow-down",
    "arrow-left",
    "arrow-up",
    "bell",
    "bot",
    "brain",
    "check",
    "chevron-down",
    "chevron-left",
    "chevron-right",
    "circle-alert",
    "command",
    "copy",
    "corner-down-left",
    "download",
    "ellipsis",
    "eye",
    "git-fork",
    "globe",
    "image",
    "info",
    "keyboard",
    "list-plus",
    "log-in",
    "message-circle-dashed",
    "message-square",
    "monitor",
    "moon",
    "panel-left",
    "pencil",
    "pin",
    "pin-off",
    "play",
    "plus",
    "refresh-cw",
    "search",
    "settings",
    "sliders-horizontal",
    "square",
    "square-pen",
    "sun",
    "text-cursor-input",
    "thumbs-down",
    "thumbs-up",
    "trash-2",
    "wrap-text",
    "wrench",
    "x",
]

ROOT = Path(__file__).resolve().parent.parent
SHIMS = Path(__file__).resolve().parent / "vendor"
STATIC = ROOT / "chat" / "static" / "llmchat" / "vendor"
AXE_FOLDER = ROOT / "tests" / "e2e" / "vendor"
SPRITE = ROOT / "chat" / "templates" / "llmchat" / "icons.svg"

README = """\
Third-party files of the chat page, written by `tools/vendor.py`; do not edit them by hand.

| file | from | licence |
|---|---|---|
| `markdown-it.js` | markdown-it {markdown_it}, with mdurl; bundled by esbuild {esbuild}. \
linkify-it, punycode.js, uc.micro and the entity table are replaced by what the browser has itself \
(`tools/vendor/`) | MIT, see `markdown-it.LICENSE` |
| `modes.js` | @codemirror/legacy-modes {modes}, those named in `tools/vendor/modes.js`; \
bundled by esbuild {esbuild} | MIT, see `codemirror.LICENSE` |
| `katex/` | KaTeX {katex}: the script minified by esbuild {esbuild}, the styles, and the fonts \
as woff2 alone | MIT, see `katex.LICENSE` |
| `../../../templates/llmchat/icons.svg` | lucide-static {lucide} | ISC, see `lucide.LICENSE` |
"""


def main() -> None:
    """Installs the packages into a scratch folder and writes the bundle, the sprite and the licences."""
    STATIC.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        packages = [
            f"markdown-it@{MARKDOWN_IT}",
            f"lucide-static@{LUCIDE}",
            f"katex@{KATEX}",
            f"@codemirror/legacy-modes@{MODES}",
            f"esbuild@{ESBUILD}",
            f"axe-core@{AXE}",
        ]
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", *packages], cwd=folder, check=True)
        modules = folder / "node_modules"
        # The package's installer links a binary for this platform; where scripts are off it has to be run.
        subprocess.run(["node", modules / "esbuild" / "install.js"], check=True)
        bundle_markdown(modules)
        bundle_modes(modules)
        copy_katex(modules / "katex")
        SPRITE.write_text(sprite(modules / "lucide-static" / "icons"))
        shutil.copy(modules / "markdown-it" / "LICENSE", STATIC / "markdown-it.LICENSE")
        shutil.copy(modules / "lucide-static" / "LICENSE", STATIC / "lucide.LICENSE")
        shutil.copy(modules / "@codemirror" / "legacy-modes" / "LICENSE", STATIC / "codemirror.LICENSE")
        shutil.copy(modules / "axe-core" / "axe.min.js", AXE_FOLDER / "axe.min.js")
        shutil.copy(modules / "axe-core" / "LICENSE", AXE_FOLDER / "axe.LICENSE")
    readme = README.format(markdown_it=MARKDOWN_IT, esbuild=ESBUILD, lucide=LUCIDE, katex=KATEX, modes=MODES)
    (STATIC / "README.md").write_text(readme)


def bundle_markdown(modules: Path) -> None:
    """Writes markdown-it and what it needs as one minified ES module without a source map."""
    replaced = {"linkify-it": "linkify", "punycode.js": "punycode", "uc.micro": "uc-micro"}
    bundle(
        modules,
        modules / "markdown-it" / "dist" / "markdown-it.mjs",
        STATIC / "markdown-it.js",
        *(f"--alias:{package}={SHIMS / shim}.js" for package, shim in replaced.items()),
        "--alias:entities=../entities.js",
        "--external:../entities.js",
    )


def bundle_modes(modules: Path) -> None:
    """Writes the languages that are highlighted as one module."""
    entry = modules.parent / "modes.js"
    shutil.copy(SHIMS / "modes.js", entry)
    bundle(modules, entry, STATIC / "modes.js")


def copy_katex(package: Path) -> None:
    """Writes KaTeX's script, styles and fonts; every browser that runs the page reads woff2."""
    folder = STATIC / "katex"
    folder.mkdir(exist_ok=True)
    bundle(package.parent, package / "dist" / "katex.mjs", folder / "katex.js")
    styles = (package / "dist" / "katex.min.css").read_text()
    styles = re.sub(
        r',url\([^)]*\.woff\) format\("woff"\),url\([^)]*\.ttf\) format\("truetype"\)', "", styles
    )
    head = f"/*! KaTeX {KATEX}, MIT licence */\n"
    (folder / "katex.css").write_text(head + styles.replace("url(fonts/", "url(") + "\n")
    for font in (package / "dist" / "fonts").glob("*.woff2"):
        shutil.copy(font, folder)
    shutil.copy(package / "LICENSE", STATIC / "katex.LICENSE")


def bundle(modules: Path, entry: Path, output: Path, *options: str) -> None:
    """One minified ES module of `entry` and what it imports."""
    subprocess.run(
        [
            modules / "esbuild" / "bin" / "esbuild",
            entry,
            "--bundle",
            "--minify",
            "--format=esm",
            "--target=es2022",
            "--legal-comments=inline",
            "--banner:js=// @ts-nocheck",
            *options,
            f"--outfile={output}",
        ],
        check=True,
    )


def sprite(icons: Path) -> str:
    """The chosen icons as symbols of one hidden SVG; size, colour and stroke are the style sheet's."""
    symbols = []
    for name in ICONS:
        source = (icons / f"{name}.svg").read_text()
        body = re.sub(r"<!--.*?-->", "", source, flags=re.DOTALL)
        shapes = re.sub(r"\s+", " ", re.sub(r"</?svg[^>]*>", "", body)).replace("> <", "><").strip()
        shapes = shapes.replace(" />", "/>")
        symbols.append(f'<symbol id="llmchat-{name}" viewBox="0 0 24 24">{shapes}</symbol>')
    head = '<svg xmlns="http://www.w3.org/2000/svg" hidden>'
    return "\n".join([f"<!-- Lucide {LUCIDE}, ISC licence -->", head, *symbols, "</svg>", ""])


if __name__ == "__main__":
    main()
