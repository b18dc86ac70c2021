/** How much of a text that grows is shown: not the signs at its end that may turn out to be anything. */

/**
 * A last line of signs alone: a rule, a bullet, the underline of a heading, a fence or a table to come.
 * Shown, it would make a heading of the line above for a moment, or a rule where a list begins.
 */
const SIGNS = /\n[ \t>]*(?:[-=+*_~`#|$:\\[\]!<]|\d{1,9}[.)]?)[-=+*_~`#|$: \t]*$/;
/** Such a line is short; a longer one is meant. */
const LONGEST = 40;
/** A link or a formula in the line that has only begun: its source would stand there for a moment. */
const BEGUN = /(?:!?\[[^[\]\n]{0,100}(?:\](?:\([^()\s]{0,400})?)?|\\\((?:(?!\\\))[^\n]){0,400})$/;
const REACH = 600;
/**
 * The part of `text` that more text changes little; all of it is shown as soon as it has come to its end.
 *
 * @param {string} text
 * @param {boolean} code whether it ends within a block of code, where a bracket is a bracket
 */
export function steady(text, code) {
  const signs = cut(text, SIGNS, LONGEST);
  return code ? signs : cells(cut(signs, BEGUN, REACH));
}

/**
 * `text` without the cell of a table that is still being written: at the right or in the middle of its
 * column it would wander.
 *
 * @param {string} text
 */
function cells(text) {
  const line = text.slice(text.lastIndexOf("\n") + 1);
  if (line.length === text.length || line.length > REACH || !line.trimStart().startsWith("|")) return text;
  return text.slice(0, text.lastIndexOf("|") + 1);
}

/**
 * @param {string} text
 * @param {RegExp} pattern
 * @param {number} reach how far from the end it is looked for
 */
function cut(text, pattern, reach) {
  const from = Math.max(0, text.length - reach);
  const found = pattern.exec(text.slice(from));
  return found ? text.slice(0, from + found.index) : text;
}
