/** What only some sites have, in one request after the page is there. */

export { showBanners } from "./banner.js";
export { Budgets } from "./budget.js";
