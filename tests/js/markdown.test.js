import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Markdown, parse } from "../../chat/static/llmchat/markdown.js";

const { examples } = JSON.parse(readFileSync(new URL("commonmark.json", import.meta.url), "utf8"));

/**
 * All nodes of a tree, itself included.
 *
 * @param {any} node
 * @returns {any[]}
 */
const flat = (node) => [node, ...(node.children ?? []).flatMap(flat)];

/**
 * What a reader sees.
 *
 * @param {any} node
 * @returns {string}
 */
const words = (node) => (typeof node === "string" ? node : (node.source ?? node.text ?? node.children.map(words).join("")));

/** @param {string} text */
const all = (text) => parse(text).flatMap(flat);

/** @param {string} text */
function grow(text) {
  const markdown = new Markdown();
  for (let length = 1; length <= text.length; length += 1) {
    const prefix = text.slice(0, length);
    assert.deepEqual(markdown.update(prefix), parse(prefix), JSON.stringify(prefix));
  }
}

test("every prefix of every CommonMark example equals a fresh parse", () => {
  assert.equal(examples.length, 652);
  for (const example of examples) grow(example);
});

test("so do texts put together at random from what is hard", () => {
  const pieces = [
    ..."# h\n|para\n|\n|- a\n|  - b\n|* c\n|1. x\n|   y\n|> q\n|>> r\n|```\n|```py\n|~~~\n|    code\n|\tt\n|---\n|===\n".split("|"),
    ..."| a | b |\n~|---|:-:|\n~| 1 | 2 |\n~|\\|~| a |\n~|-|".split("~"),
    ..."[foo]: /url\n~[foo]: http://x.y\n~[bar]:\n~http://b.c\n~'title\n~end'\n~[foo]~[bar][]~![i](http://e.f/g)".split("~"),
    ...["**b**", "*", "_", "`", "``", "<http://a.b>", "<div>", "&amp;", "\\", "http://bare.example/a_(b).", "  \n", "~~s~~"],
    ..."$$\n|$$|$|$x$|$5 and $10|\\(|\\)|\\[\n|\\]\n|\\[|\\]|  $$\n|x^2".split("|"),
    ...["\r\n", "\r", "\0", " ", "x", "- \n", "-", "1)", "+ ", "![", "](", "[a](javascript:x)", "word ", "👍"],
  ];
  let seed = 20261123;
  const random = (/** @type {number} */ below) => (seed = (seed * 48271) % 2147483647) % below;
  for (let round = 0; round < 500; round += 1) {
    grow(Array.from({ length: 3 + random(20) }, () => pieces[random(pieces.length)]).join(""));
  }
});

test("a table that its second line takes back gives the paragraph before it back too", () => {
  grow("foo\n| a |\n|-|x\nbar\n");
});

test("a block that cannot change any more is not made again", () => {
  const markdown = new Markdown();
  const [first] = markdown.update("# One\n\ntwo\n\n");
  const later = markdown.update("# One\n\ntwo\n\nthree\nfour\nfive\nsix\n\nseven\n\n");
  assert.equal(later[0], first);
  const [, , three] = later;
  const last = markdown.update("# One\n\ntwo\n\nthree\nfour\nfive\nsix\n\nseven\n\neight\nnine\nten");
  assert.equal(last[2], three);
});

test("a definition at the end reaches back to those who use it, and to nobody else", () => {
  const markdown = new Markdown();
  const text = "See [it][1].\n\nNot [this].\n\nMore\nof\nthis\n\n";
  const [, other] = markdown.update(text);
  const [see, same] = markdown.update(`${text}[1]: https://example.org/\n`);
  assert.equal(flat(see).find((node) => node.tag === "a")?.attrs.href, "https://example.org/");
  assert.equal(same, other);
});

test("a text that is replaced by another one starts anew", () => {
  const markdown = new Markdown();
  markdown.update("# One\n\ntwo\n\nthree\n\nfour");
  assert.deepEqual(markdown.update("* else"), parse("* else"));
});

test("raw HTML is text", () => {
  const html = '<script>alert(1)</script> <img src=x onerror="alert(1)">\n\n<div onclick="x()">\n</div>\n';
  const tags = new Set(all(html).map((node) => node.tag).filter(Boolean));
  assert.deepEqual([...tags], ["p"]);
  assert.match(parse(html).map(words).join(""), /<script>alert\(1\)<\/script>/);
});

for (const address of [
  "javascript:alert(1)",
  "JaVaScRiPt:alert(1)",
  "java&#115;cript:alert(1)",
  "&#1;javascript:alert(1)",
  "data:text/html,<script>alert(1)</script>",
  "vbscript:x",
  "file:///etc/passwd",
  "//evil.example/",
  "/admin/logout/",
  "blob:https://x/y",
]) {
  test(`${address} does not become a link`, () => {
    for (const text of [`[x](${address})`, `[x](<${address}>)`, `![x](${address})`, `<${address}>`, `[x]\n\n[x]: ${address}\n`]) {
      assert.deepEqual(all(text).filter((node) => node.attrs?.href !== undefined), []);
    }
  });
}

test("a link leads to http, https and mail only, and tells nobody where from", () => {
  const links = all("[a](http://a.example) [b](https://b.example 'T') <c@d.example>").filter((node) => node.tag === "a");
  assert.deepEqual(links.map((link) => link.attrs.href), ["http://a.example", "https://b.example", "mailto:c@d.example"]);
  assert.equal(links[1].attrs.title, "T");
  for (const link of links) {
    assert.equal(link.attrs.rel, "noopener noreferrer nofollow ugc");
    assert.equal(link.attrs.target, "_blank");
  }
});

test("an image is a link, and nothing is fetched", () => {
  const nodes = all("![a *chart*](https://evil.example/p.png) [![in](https://e.example/q.png)](https://ok.example)");
  assert.deepEqual(nodes.filter((node) => node.tag === "img"), []);
  const [image, outer] = nodes.filter((node) => node.tag === "a");
  assert.equal(image.attrs.href, "https://evil.example/p.png");
  assert.equal(words(image), "a chart");
  assert.equal(outer.attrs.href, "https://ok.example");
  assert.deepEqual(nodes.filter((node) => node.attrs && "src" in node.attrs), []);
});

test("no node carries a style or a listener", () => {
  const nodes = [...examples, "![x](http://a.example) [y](http://b.example 'T')", "| a |\n|:-:|\n| b |\n"].flatMap(all);
  const names = new Set(nodes.flatMap((node) => Object.keys(node.attrs ?? {})));
  assert.deepEqual([...names].sort(), ["aria-hidden", "class", "data-align", "data-columns", "href", "rel", "start", "tabindex", "target", "title", "width"]);
});

test("a bare address becomes a link, the punctuation after it does not", () => {
  const found = (/** @type {string} */ text) => all(text).filter((node) => node.tag === "a").map((node) => node.attrs.href);
  assert.deepEqual(found("See https://a.example/b?c=d, or (http://e.example/f)."), ["https://a.example/b?c=d", "http://e.example/f"]);
  assert.deepEqual(found("https://en.example/wiki/Bow_(arc)"), ["https://en.example/wiki/Bow_(arc)"]);
  assert.deepEqual(found("`https://a.example` [https://b.example](https://c.example)"), ["https://c.example"]);
});

test("a code block keeps its text and its language", () => {
  assert.deepEqual(parse("```py title\na = 1\n\n  b\n```"), [{ tag: "code-block", language: "py", text: "a = 1\n\n  b" }]);
});

test("a table is aligned without styles", () => {
  const cells = all("| a | b |\n|:-:|--:|\n| 1 | 2 |\n").filter((node) => node.tag === "td");
  assert.deepEqual(cells.map((cell) => cell.attrs), [{ "data-align": "center" }, { "data-align": "right" }]);
});

/** @param {string} text */
const formulas = (text) => all(text).filter((node) => node.tag === "math");

test("money stays money", () => {
  for (const text of [
    "It costs $5 and $10.",
    "$5–$10, or $5-$10, or $5/$6",
    "(US$5) and CA$7, $20B to $30B",
    "**$5** to **$6**",
    "$HOME/$USER and $PATH",
    "a $ b $ c",
    "`$x$`",
    "\\$x$ and $y\\$",
  ]) {
    assert.deepEqual(formulas(text), [], text);
  }
});

test("a formula is one in all the ways it is written", () => {
  const found = (/** @type {string} */ text) => formulas(text).map(({ tex, display, block }) => [tex, display, block]);
  assert.deepEqual(found("where $x_1$, and \\(y < 2\\)."), [["x_1", false, false], ["y < 2", false, false]]);
  assert.deepEqual(found("so $$x$$ and \\[y\\] hold"), [["x", true, false], ["y", true, false]]);
  assert.deepEqual(found("text:\n$$\na\n= b\n$$\nmore"), [["a\n= b", true, true]]);
  assert.deepEqual(found("\\[ a \\]\n\n$$ b $$"), [["a", true, true], ["b", true, true]]);
  assert.deepEqual(found("- \\[\n  a\n  \\]\n- b"), [["a", true, true]]);
  assert.deepEqual(found("costs $5 and is $x$"), [["x", false, false]]);
});

test("what is no formula yet keeps its source in sight", () => {
  assert.deepEqual(formulas("$$\n\\int_0").map(({ tex, source }) => [tex, source]), [["", "$$\n\\int_0"]]);
  assert.deepEqual(formulas("$$\n\\int_0\n\nmore $$")[0].tex, "");
});

test("no example of CommonMark's has a formula in it", () => {
  // Addresses into this very site become no links here, and their parentheses could be a formula's.
  const absolute = examples.map((/** @type {string} */ text) => text.replaceAll("](", "](https://x.example/"));
  assert.deepEqual(absolute.flatMap(formulas), []);
});
