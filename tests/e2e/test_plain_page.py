"""A page of one's own that knows nothing of this app: it POSTs and splits lines."""

from __future__ import annotations

from .person import Person

PAGE = """
async (messages) => {
  const response = await fetch("/api/chat", {
    method: "POST",
    headers: {"Content-Type": "application/json"},
    body: JSON.stringify(messages),
  });
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  const shown = document.createElement("pre");
  document.body.append(shown);
  let rest = "";
  let steps = 0;
  for (;;) {
    const {done, value} = await reader.read();
    if (done) return {text: shown.textContent, steps, status: response.status};
    steps += 1;
    const lines = (rest + decoder.decode(value, {stream: true})).split("\\n");
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data: ")) continue;
      const data = line.slice("data: ".length);
      if (data !== "[DONE]") shown.textContent += data;
    }
  }
}
"""


def test_a_page_that_splits_lines_shows_every_word_in_order(person: Person) -> None:
    script = '{"count": 200, "rate": 200, "pattern": "wörd{n} "}'
    got = person.page.evaluate(PAGE, [{"role": "user", "content": script}])
    assert got["status"] == 200
    assert got["text"].split() == [f"wörd{n}" for n in range(200)]
    assert got["steps"] >= 3
