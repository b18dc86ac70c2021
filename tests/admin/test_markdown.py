from __future__ import annotations

import re

import pytest

from chat.markdown import MAX_CHARS, render

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "[x](file:///etc/passwd)",
    "<javascript:alert(1)>",
    "![x](https://evil.example/p.png)",
    '![" onerror="alert(1)](https://evil.example/p.png)',
    '[x](https://a.example "\\" onmouseover=\\"alert(1)")',
    "[![x](https://evil.example/p.png)](https://a.example)",
    "[x][1]\n\n[1]: javascript:alert(1)",
    '```"><script>alert(1)</script>\nx\n```',
    '```x" onclick="alert(1)\n</code></pre><script>alert(1)</script>\n```',
    "<iframe src=https://evil.example></iframe>",
    "<style>*{background:url(https://evil.example)}</style>",
    "<form action=https://evil.example><input></form>",
    "|<img src=x onerror=alert(1)>|b|\n|-|-|\n|<script>x</script>|y|",
    "[x](/admin/auth/user/1/delete/)",
    "[x](//evil.example/)",
    "[x](?delete=1)",
]
ATTRIBUTES = {"href", "title", "rel", "start", "class", "data-align"}


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_runs_loads_or_links_inwards(text: str) -> None:
    html = render(text)
    for tag, attributes in re.findall(r"<(\w+)((?:\s+[\w-]+=\"[^\"]*\")*)\s*>", html):
        assert tag not in {"script", "img", "svg", "iframe", "style", "form", "input", "object", "link"}
        found = dict(re.findall(r"([\w-]+)=\"([^\"]*)\"", attributes))
        assert set(found) <= ATTRIBUTES
        assert found.get("href", "https://").startswith(("https://", "http://", "mailto:"))
    assert html.count("<") == len(re.findall(r"</?\w+(?:\s+[\w-]+=\"[^\"]*\")*\s*>", html))


def test_links_tell_the_other_side_nothing() -> None:
    html = render("[x](https://a.example 'title')")
    assert 'href="https://a.example"' in html
    assert 'rel="noopener noreferrer nofollow ugc"' in html


def test_an_image_becomes_a_link_with_its_name() -> None:
    assert '<a class="lc-image" href="https://a.example/p.png"' in render("![A cat](https://a.example/p.png)")
    assert ">A cat</a>" in render("![A cat](https://a.example/p.png)")
    assert ">https://a.example/p.png</a>" in render("![](https://a.example/p.png)")


def test_the_usual_things_are_rendered() -> None:
    html = render("# H\n\n**b** *i* ~~s~~ `c`\n\n3. x\n4. y\n\n> q\n\n---\n")
    for part in ("<h1>H</h1>", "<strong>b</strong>", "<em>i</em>", "<s>s</s>", "<code>c</code>", "<hr>"):
        assert part in html
    assert '<ol start="3">' in html
    assert "<blockquote>" in html


def test_code_keeps_its_language_and_every_character() -> None:
    html = render("```python title\nif a < b:\n    pass\n```\n\n    indented & plain\n")
    assert "<figcaption><span>python</span></figcaption><pre><code>if a &lt; b:\n    pass\n</code>" in html
    assert '<figure class="lc-code"><pre><code>indented &amp; plain\n</code>' in html


def test_tables_are_aligned_without_styles() -> None:
    html = render("|a|b|\n|-|-:|\n|1|2|")
    assert '<div class="lc-table"><table>' in html
    assert '<td data-align="right">2</td>' in html
    assert "style" not in html


def test_what_would_take_long_to_parse_is_shown_as_it_is() -> None:
    text = "**b** <i>" + "x" * MAX_CHARS
    assert render(text).startswith("<pre>**b** &lt;i&gt;xxx")


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["[", "![", "*a_", "`", "> ", "- ", "](", "<", "|", "~~a", "&a;"])
def test_deep_nonsense_is_survived(unit: str) -> None:
    assert render(unit * (MAX_CHARS // len(unit)))
