/**
 * Formulas for markdown-it: `$$…$$` and `\[…\]` are set apart, `\(…\)` and `$…$` stand in the line.
 *
 * What begins a block is decided by its first line alone, so that a text that grows never changes a
 * block that has been closed. A single dollar is a formula's only where it cannot be money: letters and
 * digits touch it from inside alone, and no space does.
 */

/**
 * @typedef {{tag: "math", tex: string, source: string, display: boolean, block: boolean}} Maths
 *   `tex` is empty while the formula has no end yet.
 */

/** A formula says something: this keeps `\[\\\]`, which Markdown knows as escapes, out. */
const CONTENT = /[\p{L}\p{N}]/u;
const WORD = /[\p{L}\p{N}_$]/u;
const SPACE = /\s/;
/** A formula of one line is looked for this far, in characters. */
const REACH = 2_000;
const CLOSING = /** @type {Record<string, string>} */ ({ $$: "$$", "\\[": "\\]", "\\(": "\\)" });

/** @param {any} md a markdown-it parser */
export function maths(md) {
  md.block.ruler.before("fence", "math_block", block, { alt: ["paragraph", "reference", "blockquote", "list"] });
  md.inline.ruler.before("escape", "math_inline", inline);
}

/**
 * @param {any} state
 * @param {number} startLine
 * @param {number} endLine
 * @param {boolean} silent
 */
function block(state, startLine, endLine, silent) {
  if (state.sCount[startLine] - state.blkIndent >= 4) return false;
  const from = state.bMarks[startLine] + state.tShift[startLine];
  const opening = state.src.slice(from, from + 2);
  const closing = opening === "\\(" ? undefined : CLOSING[opening];
  if (!closing) return false;
  const first = state.src.slice(from + 2, state.eMarks[startLine]).trim();
  if (first) {
    const tex = first.slice(0, -2).trim();
    if (!first.endsWith(closing) || first.indexOf(closing) !== first.length - 2 || !CONTENT.test(tex)) return false;
    if (!silent) push(state, startLine, startLine + 1, tex);
    return true;
  }
  if (silent) return true;
  let line = startLine + 1;
  for (; line < endLine && !state.isEmpty(line) && state.sCount[line] >= state.blkIndent; line += 1) {
    const text = state.src.slice(state.bMarks[line] + state.tShift[line], state.eMarks[line]).trimEnd();
    if (!text.endsWith(closing)) continue;
    const inner = state.getLines(startLine + 1, line, state.blkIndent, true) + text.slice(0, -2);
    push(state, startLine, line + 1, inner.trim());
    return true;
  }
  // No end yet, or none at all: TeX knows no blank line in a formula.
  push(state, startLine, line, "");
  return true;
}

/**
 * @param {any} state
 * @param {number} start
 * @param {number} end the line after the last
 * @param {string} tex
 */
function push(state, start, end, tex) {
  const token = state.push("math_block", "math", 0);
  token.content = tex;
  token.info = state.getLines(start, end, state.blkIndent, false);
  token.map = [start, end];
  state.line = end;
}

/**
 * @param {any} state
 * @param {boolean} silent
 */
function inline(state, silent) {
  const { src, pos, posMax } = state;
  const two = src.slice(pos, pos + 2);
  let opening = two;
  let end = -1;
  if (two in CLOSING) end = unescaped(src, CLOSING[two], pos + 2, posMax);
  else if (src[pos] === "$") [opening, end] = ["$", single(src, pos, posMax)];
  if (end < 0) return false;
  const tex = src.slice(pos + opening.length, end).trim();
  if (!CONTENT.test(tex)) return false;
  if (!silent) {
    const token = state.push("math_inline", "math", 0);
    token.content = tex;
    token.markup = opening;
    token.info = src.slice(pos, end + opening.length);
  }
  state.pos = end + opening.length;
  return true;
}

/**
 * Where the dollar is that ends what the one at `pos` begins; -1 where it begins nothing.
 *
 * @param {string} src
 * @param {number} pos
 * @param {number} max
 */
function single(src, pos, max) {
  if (pos > 0 && WORD.test(src[pos - 1])) return -1;
  if (pos + 1 >= max || SPACE.test(src[pos + 1])) return -1;
  const end = unescaped(src, "$", pos + 1, Math.min(max, pos + REACH));
  if (end <= pos + 1 || SPACE.test(src[end - 1]) || src.slice(pos, end).includes("\n")) return -1;
  return end + 1 < max && WORD.test(src[end + 1]) ? -1 : end;
}

/**
 * @param {string} src
 * @param {string} mark
 * @param {number} from
 * @param {number} max
 */
function unescaped(src, mark, from, max) {
  for (let at = src.indexOf(mark, from); at >= 0 && at + mark.length <= max; at = src.indexOf(mark, at + 1)) {
    let slashes = 0;
    while (src[at - 1 - slashes] === "\\") slashes += 1;
    if (slashes % 2 === 0) return at;
  }
  return -1;
}
