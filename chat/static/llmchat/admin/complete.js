// Completes the names that are typed into a filter. Without it the whole name is typed.

/** @param {HTMLInputElement} input */
function complete(input) {
  const list = input.list;
  const source = input.dataset.source;
  if (list === null || !source) return;
  let asked = "";
  /** @type {number | undefined} */
  let timer;

  async function ask() {
    const term = input.value.trim();
    if (term === asked || term === "") return;
    asked = term;
    const address = new URL(source ?? "", location.href);
    address.searchParams.set("q", term);
    const answer = await fetch(address, { headers: { Accept: "application/json" }, redirect: "error" }).catch(() => null);
    if (answer === null || !answer.ok || term !== asked) return;
    /** @type {{results: string[]}} */
    const { results } = await answer.json();
    list?.replaceChildren(...results.map((name) => new Option(name, name)));
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 150);
  });
}

for (const input of document.querySelectorAll(".llmchat-filter input[list]")) complete(/** @type {HTMLInputElement} */ (input));
