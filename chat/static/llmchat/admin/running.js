// Keeps the list of running generations up to date while somebody looks at it. Without it the page works too.

/** @param {HTMLFormElement} form */
function keepFresh(form) {
  const interval = Number(form.dataset.refresh) || 2000;
  const address = new URL(location.pathname, location.href);
  address.searchParams.set("rows", "1");
  /** @type {number | undefined} */
  let timer;
  let failures = 0;

  /** @returns {HTMLElement} */
  const rows = () => /** @type {HTMLElement} */ (form.querySelector(".llmchat-rows"));

  /** @param {HTMLElement} fresh */
  function replace(fresh) {
    const current = rows();
    const ticked = new Set([...current.querySelectorAll("input[name=generation]:checked")].map((box) => /** @type {HTMLInputElement} */ (box).value));
    for (const box of fresh.querySelectorAll("input[name=generation]")) {
      /** @type {HTMLInputElement} */ (box).checked = ticked.has(/** @type {HTMLInputElement} */ (box).value);
    }
    const focused = document.activeElement;
    const place = focused instanceof HTMLElement && current.contains(focused) ? selectorOf(focused) : "";
    const scrolled = current.querySelector(".results")?.scrollLeft ?? 0;
    // What a screen reader has announced is announced again only when it has changed.
    const count = current.querySelector(".llmchat-count");
    const freshCount = fresh.querySelector(".llmchat-count");
    if (count !== null && freshCount !== null) {
      if (count.textContent !== freshCount.textContent) count.textContent = freshCount.textContent;
      freshCount.remove();
      current.replaceChildren(count, ...fresh.children);
    } else {
      current.replaceChildren(...fresh.children);
    }
    const results = current.querySelector(".results");
    if (results !== null) results.scrollLeft = scrolled;
    if (place !== "") /** @type {HTMLElement | null} */ (current.querySelector(place))?.focus({ preventScroll: true });
  }

  /** @param {HTMLElement} element */
  function selectorOf(element) {
    const row = element.closest("tr[data-generation]");
    const within = row instanceof HTMLElement ? `tr[data-generation="${row.dataset.generation}"] ` : "thead ";
    return within + element.localName;
  }

  async function refresh() {
    try {
      const answer = await fetch(address, { headers: { Accept: "text/html" }, redirect: "error" });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector(".llmchat-rows");
      if (!(fresh instanceof HTMLElement)) throw new Error("no rows");
      replace(fresh);
      failures = 0;
      delete form.dataset.state;
    } catch {
      failures += 1;
      if (failures === 3) {
        form.dataset.state = "stale";
        const count = rows().querySelector(".llmchat-count");
        if (count !== null) count.textContent = form.dataset.stale ?? "";
      }
    }
    plan();
  }

  function plan() {
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(refresh, interval * Math.min(2 ** failures, 15));
  }

  form.addEventListener("change", (event) => {
    const box = event.target;
    if (!(box instanceof HTMLInputElement) || !box.classList.contains("llmchat-all")) return;
    for (const one of form.querySelectorAll("input[name=generation]")) /** @type {HTMLInputElement} */ (one).checked = box.checked;
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : void refresh()));
  plan();
}

const form = document.querySelector("form.llmchat-running");
if (form instanceof HTMLFormElement) keepFresh(form);
