/** On a narrow screen the list is a drawer: opened by its button or a swipe, closed by Escape, scrim or swipe. */

/** Pixels from the edge of the screen within which a swipe takes hold of the closed drawer. */
const EDGE = 24;
/** Pixels after which a swipe is meant. */
const FAR = 56;

export class Drawer {
  /**
   * @param {HTMLElement} app
   * @param {HTMLElement} button
   * @param {HTMLElement} sidebar
   * @param {HTMLElement} rest what cannot be reached while the drawer is open
   */
  constructor(app, button, sidebar, rest) {
    this.#app = app;
    this.#button = button;
    this.#sidebar = sidebar;
    this.#rest = rest;
    app.addEventListener("touchstart", (event) => this.#touched(event), { passive: true });
    app.addEventListener("touchend", (event) => this.#released(event), { passive: true });
    // Beside the messages the list is no drawer any more.
    matchMedia("(max-width: 56.25rem)").addEventListener("change", () => this.close());
  }

  #app;
  #button;
  #sidebar;
  #rest;
  /** @type {{x: number, y: number} | null} */
  #start = null;

  get isOpen() {
    return this.#app.classList.contains("lc-drawer-open");
  }

  open() {
    this.#set(true);
    /** @type {HTMLElement | null} */ (this.#sidebar.querySelector("a, button"))?.focus();
  }

  close() {
    if (!this.isOpen) return;
    this.#set(false);
    this.#button.focus();
  }

  toggle() {
    if (this.isOpen) this.close();
    else this.open();
  }

  /** @param {boolean} open */
  #set(open) {
    this.#app.classList.toggle("lc-drawer-open", open);
    this.#button.setAttribute("aria-expanded", String(open));
    this.#rest.inert = open;
  }

  /** @param {TouchEvent} event */
  #touched(event) {
    const [{ clientX: x, clientY: y }] = event.touches;
    const inside = x - this.#app.getBoundingClientRect().left;
    const fromEdge = document.dir === "rtl" ? this.#app.clientWidth - inside : inside;
    this.#start = event.touches.length === 1 && (this.isOpen || fromEdge < EDGE) ? { x, y } : null;
  }

  /** @param {TouchEvent} event */
  #released(event) {
    if (!this.#start) return;
    const [{ clientX, clientY }] = event.changedTouches;
    const across = (clientX - this.#start.x) * (document.dir === "rtl" ? -1 : 1);
    const meant = Math.abs(across) > FAR && Math.abs(across) > 2 * Math.abs(clientY - this.#start.y);
    this.#start = null;
    if (!meant) return;
    if (across > 0 && !this.isOpen && getComputedStyle(this.#button).display !== "none") this.open();
    else if (across < 0) this.close();
  }
}
