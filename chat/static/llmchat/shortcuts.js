/** Keys that work everywhere on the page. */

/**
 * @typedef {object} Deeds
 * @property {() => void} palette
 * @property {() => void} sheet
 * @property {() => void} fresh begins a new chat
 * @property {() => void} write goes to the composer
 * @property {() => boolean} singleKeys whether keys without Ctrl or the like are wanted
 */

export const isApple = /mac|iphone|ipad/i.test(navigator.platform);

/** How a key is written on this system. */
export const commandKey = isApple ? "⌘" : "Ctrl";

/**
 * @param {EventTarget} scope
 * @param {Deeds} deeds
 */
export function listen(scope, deeds) {
  scope.addEventListener("keydown", (event) => {
    const pressed = /** @type {KeyboardEvent} */ (event);
    if (pressed.isComposing || pressed.keyCode === 229 || pressed.defaultPrevented) return;
    const deed = find(pressed, deeds);
    if (!deed) return;
    pressed.preventDefault();
    deed();
  });
}

/**
 * @param {KeyboardEvent} event
 * @param {Deeds} deeds
 */
function find(event, deeds) {
  const key = event.key.toLowerCase();
  const command = isApple ? event.metaKey && !event.ctrlKey : event.ctrlKey && !event.metaKey;
  if (command && !event.altKey) {
    if (key === "k" && !event.shiftKey) return deeds.palette;
    if (key === "/") return deeds.sheet;
    if (key === "o" && event.shiftKey) return deeds.fresh;
    return null;
  }
  if (event.key === "Escape" && event.shiftKey) return deeds.write;
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
  return event.key === "?" && plain && deeds.singleKeys() && !isField(event.target) ? deeds.sheet : null;
}

/** @param {EventTarget | null} target */
function isField(target) {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select"));
}
