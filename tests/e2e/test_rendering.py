"""How an answer grows in a real document: at every prefix as if it had been shown at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from .person import Person

EXAMPLES = json.loads((Path(__file__).parents[1] / "js" / "commonmark.json").read_text())["examples"]
MORE = [
    "A formula $x^2$, money $5 and $10, and\n\n$$\n\\int_0^1 x\n$$\n\nthen \\(\\frac{a}{b}\\) and \\[y\\]\n",
    '```python\nclass A:\n    """Doc\n    string"""\n\n    x = 1  # one\n```\n\n~~~js\na = `t ${1}`;\n~~~\n',
    "```ts\n" + "".join(f"const a{n} = {n};\n" for n in range(30)) + "```\nafter\n",
    "| a | $b$ |\n|---|--:|\n| 1 | `2` |\n| $x$ | \\(y\\) |\n\nSee [it].\n\n[it]: https://x.example/\n",
    "1. one\n\n   $$\n   x\n   $$\n2. two\n   ```sh\n   ls  # all\n   ```\n\n> $$\n> z\n> $$\n",
]
#: Every text grows by one character at a time beside a fresh rendering of the same prefix.
GROW = """
async (texts) => {
  const base = document.querySelector('script[type="module"]').src;
  const { Renderer } = await import(new URL("render.js", base));
  const { loadFormulas } = await import(new URL("formula.js", base));
  await Promise.all([loadFormulas(), import(new URL("highlight.js", base))]);
  const { isColouring } = await import(new URL("code.js", base));
  const place = document.body.appendChild(document.createElement("div"));
  // A frame has only so much time; what is left is drawn in the next.
  const drawn = async (renderer) => {
    while (!renderer.complete) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const show = async (text) => {
    const element = document.createElement("div");
    place.replaceChildren(element);
    const renderer = new Renderer(element);
    renderer.update(text);
    await drawn(renderer);
    return element.innerHTML;
  };
  // The first block of code asks for the colours, which are then there for all others.
  await show("```py\\nx = 1\\n```");
  while (isColouring()) await new Promise((resolve) => setTimeout(resolve, 10));
  const wrong = [];
  let prefixes = 0;
  for (const text of texts) {
    const grown = document.createElement("div");
    const renderer = new Renderer(grown);
    for (let length = 1; length <= text.length; length += 1) {
      prefixes += 1;
      const prefix = text.slice(0, length);
      renderer.update(prefix, true);
      await drawn(renderer);
      const fresh = await show(prefix);
      if (grown.innerHTML !== fresh) wrong.push([prefix, grown.innerHTML, fresh]);
    }
    const changes = new MutationObserver(() => {});
    changes.observe(grown, { subtree: true, childList: true, characterData: true, attributes: true });
    renderer.update(text);
    if (changes.takeRecords().length) wrong.push([text, "the end", "changed something"]);
    await new Promise((resolve) => setTimeout(resolve));
  }
  return { wrong: wrong.slice(0, 3), count: wrong.length, prefixes };
}
"""


@pytest.mark.slow
def test_at_every_prefix_the_document_is_the_one_rendered_at_once(person: Person) -> None:
    found = person.page.evaluate(GROW, [*EXAMPLES, *MORE])
    assert found["wrong"] == [], found["count"]
    assert found["prefixes"] > 10_000


def test_formulas_are_set_and_money_stays_money(person: Person) -> None:
    person.ask(tokens=["It costs $5 and $10, ", "and $E = mc^2$ holds.\n\n$$\n", "\\int_0^1 x\\,dx\n$$\n"])
    person.expect_done()
    expect(person.prose).to_contain_text("It costs $5 and $10, and")
    expect(person.prose.locator(".katex")).to_have_count(2)
    expect(person.prose.locator(".katex-display")).to_have_count(1)
    # Its styles have come through the policy: what stands above the line has been raised.
    raised = person.prose.locator(".katex .vlist > span").first
    assert raised.evaluate("element => element.style.top") != ""


def test_a_formula_that_is_none_shows_its_source(person: Person) -> None:
    person.ask(tokens=["See \\(\\frac{a\\) and \\(\\href{javascript:x}{y}\\) and $\\notacommand{x}$."])
    person.expect_done()
    expect(person.prose.locator(".lc-math-source").first).to_have_text("\\(\\frac{a\\)")
    expect(person.prose.locator("a, img")).to_have_count(0)


def test_code_is_coloured_folded_wrapped_and_saved(person: Person) -> None:
    code = "\n".join(f"x{n} = {n}  # number" for n in range(40))
    person.ask(tokens=["```python\n", code, "\n```\n\nend"])
    person.expect_done()
    figure = person.answer.locator("figure")
    expect(figure.locator("figcaption > span")).to_have_text("Python")
    expect(figure.locator(".lc-comment").first).to_have_text("# number")
    assert figure.locator("code").evaluate("element => element.textContent") == code

    def height() -> float:
        return float(figure.evaluate("element => element.getBoundingClientRect().height"))

    folded = height()
    figure.get_by_role("button", name="Show all 40 lines").click()
    assert height() > folded * 1.4
    figure.get_by_role("button", name="Show less").click()
    assert height() == folded
    with person.page.expect_download() as download:
        figure.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "code.py"
    assert Path(download.value.path()).read_text() == code
    wrap = figure.get_by_role("button", name="Wrap lines")
    wrap.click()
    expect(wrap).to_have_attribute("aria-pressed", "true")


def test_on_paper_everything_is_there_and_nothing_to_press(person: Person) -> None:
    person.ask(tokens=["```\n", "line\n" * 40, "```\n"])
    person.expect_done()
    person.page.emulate_media(media="print")
    expect(person.answer.locator("button").first).to_be_hidden()
    shown = person.answer.locator("pre").evaluate("element => [element.clientHeight, element.scrollHeight]")
    assert shown[0] == shown[1]
