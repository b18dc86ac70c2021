/** One line of code under the eyes of a CodeMirror stream mode, which reads it token by token. */

export class LineStream {
  /**
   * @param {string} string the line, without its line feed
   * @param {number} tabSize
   * @param {number} indentUnit
   */
  constructor(string, tabSize, indentUnit) {
    this.string = string;
    this.tabSize = tabSize;
    this.indentUnit = indentUnit;
    this.start = 0;
    this.pos = 0;
  }

  eol() {
    return this.pos >= this.string.length;
  }

  sol() {
    return this.pos === 0;
  }

  /** @returns {string | undefined} */
  peek() {
    return this.string.charAt(this.pos) || undefined;
  }

  /** @returns {string | undefined} */
  next() {
    if (this.pos < this.string.length) return this.string.charAt(this.pos++);
  }

  /**
   * @param {string | RegExp | ((char: string) => boolean)} wanted
   * @returns {string | undefined}
   */
  eat(wanted) {
    const char = this.string.charAt(this.pos);
    const fits = typeof wanted === "string" ? char === wanted : char && (wanted instanceof RegExp ? wanted.test(char) : wanted(char));
    if (fits) {
      this.pos += 1;
      return char;
    }
  }

  /** @param {string | RegExp | ((char: string) => boolean)} wanted */
  eatWhile(wanted) {
    const start = this.pos;
    while (this.eat(wanted));
    return this.pos > start;
  }

  eatSpace() {
    const start = this.pos;
    while (/[\s\u00a0]/.test(this.string.charAt(this.pos))) this.pos += 1;
    return this.pos > start;
  }

  skipToEnd() {
    this.pos = this.string.length;
  }

  /** @param {string} char */
  skipTo(char) {
    const found = this.string.indexOf(char, this.pos);
    if (found < 0) return undefined;
    this.pos = found;
    return true;
  }

  /** @param {number} count */
  backUp(count) {
    this.pos -= count;
  }

  column() {
    return this.#columns(this.string.slice(0, this.start));
  }

  indentation() {
    return this.#columns(/^\s*/.exec(this.string)?.[0] ?? "");
  }

  /**
   * @param {string | RegExp} pattern a regular expression begins with `^`
   * @param {boolean} [consume]
   * @param {boolean} [caseInsensitive] of a string
   * @returns {any} true or the match; null or false where there is none
   */
  match(pattern, consume, caseInsensitive) {
    if (typeof pattern === "string") {
      const found = this.string.substr(this.pos, pattern.length);
      const same = caseInsensitive ? found.toLowerCase() === pattern.toLowerCase() : found === pattern;
      if (!same) return null;
      if (consume !== false) this.pos += pattern.length;
      return true;
    }
    const match = this.string.slice(this.pos).match(pattern);
    if (match && match.index && match.index > 0) return null;
    if (match && consume !== false) this.pos += match[0].length;
    return match;
  }

  current() {
    return this.string.slice(this.start, this.pos);
  }

  /** @param {string} space */
  #columns(space) {
    let columns = 0;
    for (const char of space) columns += char === "\t" ? this.tabSize - (columns % this.tabSize) : 1;
    return columns;
  }
}
