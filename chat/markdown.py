"""Markdown to HTML on the server, where a page shows a model's words without the browser's own renderer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import nh3
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

#: Longer texts are shown as they are: parsing one can take a second.
MAX_CHARS = 50_000

_TAGS = {
    *("h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "blockquote", "ul", "ol", "li"),
    *("strong", "em", "s", "a", "code", "pre", "figure", "figcaption", "span"),
    *("div", "table", "thead", "tbody", "tr", "th", "td"),
}


def _image(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    # Loading it would tell a stranger's server who reads this, when, and whatever its address carries.
    source = str(tokens[index].attrGet("src") or "")
    label = tokens[index].content or source
    return f'<a class="lc-image" href="{escape(source)}">{escape(label)}</a>'


def _code(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    language = tokens[index].info.split(maxsplit=1)[:1]
    caption = f"<figcaption><span>{escape(language[0])}</span></figcaption>" if language else ""
    return (
        f'<figure class="lc-code">{caption}<pre><code>{escape(tokens[index].content)}</code></pre></figure>\n'
    )


def _cell(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    # As an attribute of its own: a style would need an exception from the page's content policy.
    _, _, align = str(tokens[index].attrGet("style") or "").partition(":")
    return f'<{tokens[index].tag} data-align="{align}">' if align else f"<{tokens[index].tag}>"


def _table(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    return '<div class="lc-table"><table>\n' if tokens[index].nesting == 1 else "</table></div>\n"


_parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
for _name, _rule in {
    "image": _image,
    "fence": _code,
    "code_block": _code,
    "th_open": _cell,
    "td_open": _cell,
    "table_open": _table,
    "table_close": _table,
}.items():
    _parser.add_render_rule(_name, _rule)
_cleaner: Any = nh3.Cleaner(
    tags=_TAGS,
    attributes={"a": {"href", "title"}, "ol": {"start"}, "th": {"data-align"}, "td": {"data-align"}},
    allowed_classes={"a": {"lc-image"}, "figure": {"lc-code"}, "div": {"lc-table"}},
    link_rel="noopener noreferrer nofollow ugc",
    url_schemes={"http", "https", "mailto"},
    # A relative address would point into this very site, at what the reader may do and the model may not.
    url_relative="deny",
)


def render(text: str) -> SafeString:
    """`text` as HTML that runs nothing, loads nothing and links only outwards; messages.css styles it.

    Texts of more than `MAX_CHARS` characters come back as one block of plain text.
    """
    if len(text) > MAX_CHARS:
        return format_html("<pre>{}</pre>", text)
    # Safe because the allow-list above has the last word on the parser's output.
    html: str = _cleaner.clean(_parser.render(text))
    return mark_safe(html)
