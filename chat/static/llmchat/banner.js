/** The site's sentences above the chat: who has closed one does not see it again on this browser. */

/**
 * @param {HTMLElement} app
 * @param {string} key of what the browser remembers
 */
export function showBanners(app, key) {
  const closed = new Set(JSON.parse(localStorage.getItem(key) ?? "[]"));
  const banners = /** @type {NodeListOf<HTMLElement>} */ (app.querySelectorAll("[data-banner]"));
  for (const banner of banners) {
    const name = banner.dataset.banner ?? "";
    banner.hidden = closed.has(name);
    banner.querySelector("button")?.addEventListener("click", () => {
      banner.hidden = true;
      const present = [...banners].map((one) => one.dataset.banner ?? "");
      // Those that are gone need not be remembered.
      const kept = present.filter((one) => one === name || closed.has(one));
      kept.forEach((one) => closed.add(one));
      try {
        localStorage.setItem(key, JSON.stringify(kept));
      } catch {
        // A browser that keeps nothing shows it again.
      }
    });
  }
}
