"""Markdown to HTML on the server, where a page shows a model's words without the browser's own renderer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import nh3
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

#: Longer texts are shown as they are: parsing one can take a second.
MAX_CHARS = 50_000

_TAGS = {
    *("h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "blockquote", "ul", "ol", "li"),
    *("strong", "em", "s", "a", "code", "pre", "table", "thead", "tbody", "tr", "th", "td"),
}


def _image_as_link(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    # Loading it would tell a stranger's server who reads this, when, and whatever its address carries.
    source = str(tokens[index].attrGet("src") or "")
    label = _("Image: %(name)s") % {"name": tokens[index].content or source}
    return f'<a href="{escape(source)}">{escape(label)}</a>'


def _keep(tag: str, attribute: str, value: str) -> str | None:
    return None if tag == "code" and not value.startswith("language-") else value


_parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
_parser.add_render_rule("image", _image_as_link)
_cleaner: Any = nh3.Cleaner(
    tags=_TAGS,
    attributes={"a": {"href", "title"}, "ol": {"start"}, "code": {"class"}},
    attribute_filter=_keep,
    link_rel="noopener noreferrer nofollow ugc",
    url_schemes={"http", "https", "mailto"},
    # A relative address would point into this very site, at what the reader may do and the model may not.
    url_relative="deny",
)


def render(text: str) -> SafeString:
    """`text` as HTML that runs nothing, loads nothing and links only outwards.

    Texts of more than `MAX_CHARS` characters come back as one block of plain text.
    """
    if len(text) > MAX_CHARS:
        return format_html("<pre>{}</pre>", text)
    # Safe because the allow-list above has the last word on the parser's output.
    html: str = _cleaner.clean(_parser.render(text))
    return mark_safe(html)
