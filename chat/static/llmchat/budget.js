/** What is left of the reader's budgets: a line in the list's foot, and a notice when one is nearly used up. */

import { config } from "./config.js";
import { h } from "./dom.js";
import { t } from "./labels.js";

/** @import {Notices} from "./notices.js" */

/**
 * @typedef {object} Standing
 * @property {string} measure
 * @property {string} text
 * @property {string} scope
 * @property {number | string} remaining
 * @property {number} percent
 * @property {string | null} resets_at
 */

export class Budgets {
  /**
   * @param {HTMLElement} place
   * @param {Notices} notices
   */
  constructor(place, notices) {
    this.#place = place;
    this.#notices = notices;
  }

  #place;
  #notices;
  #line = h("p", { class: "lc-budget" });
  /** What was warned of, so that it is said once in its period. */
  #warned = new Set();
  #any = true;

  /** Ask how they stand. Of somebody without any it is asked once. */
  async refresh() {
    if (!this.#any) return;
    try {
      const response = await fetch(config.limits, { headers: { Accept: "application/json" } });
      if (!response.ok) return;
      const { results, warn_at: warnAt } = await response.json();
      this.#any = results.length > 0;
      this.#show(results, warnAt);
    } catch {
      // Without a connection there is nothing to be told; the next answer asks again.
    }
  }

  /**
   * @param {Standing[]} standings
   * @param {number} warnAt per cent
   */
  #show(standings, warnAt) {
    const limited = standings.filter(({ measure }) => measure !== "running").sort((a, b) => b.percent - a.percent);
    const [tightest] = limited;
    if (!tightest) return this.#line.remove();
    this.#line.textContent = t("budgetLeft", { percent: 100 - tightest.percent, budget: tightest.text });
    this.#line.title = limited.map((one) => `${one.text}: ${100 - one.percent} %`).join("\n");
    if (!this.#line.isConnected) this.#place.append(this.#line);
    const key = `${tightest.text} ${tightest.resets_at}`;
    if (tightest.percent < warnAt || this.#warned.has(key)) return;
    this.#warned.add(key);
    const when = tightest.resets_at ? new Date(tightest.resets_at).toLocaleString(document.documentElement.lang || undefined, { dateStyle: "short", timeStyle: "short" }) : "";
    this.#notices.show("budget", t(tightest.percent < 100 ? "budgetLow" : "budgetUsed", { percent: tightest.percent, budget: tightest.text, when }));
  }
}
