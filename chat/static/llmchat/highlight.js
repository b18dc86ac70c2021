/**
 * Colours of code: a language reads one line after the other and remembers what it is in the middle of.
 * A line that is complete is therefore read once, however long its block grows.
 */

import { LineStream } from "./linestream.js";
import * as modes from "./vendor/modes.js";

/**
 * @typedef {{kind: string, text: string}} Piece `kind` is empty for ordinary text
 * @typedef {{token: (stream: LineStream, state: any) => string | null | undefined, startState?: Function, copyState?: (state: any) => any, blankLine?: Function}} Mode
 */

const TAB = 4;
const UNIT = 2;
/** A longer line is shown without colours. */
const LONG = 2_000;

const PHP = modes.clike({
  name: "php",
  keywords: words("abstract and array as break case catch class clone const continue declare default do echo else elseif empty enum exit extends final finally fn for foreach function global goto if implements include include_once instanceof insteadof interface isset list match namespace new or print private protected public readonly require require_once return static switch throw trait try unset use var while xor yield"),
  types: words("bool boolean float int integer iterable mixed never null object string void self parent"),
  blockKeywords: words("catch class do else elseif for foreach if switch try while finally"),
  atoms: words("true false null TRUE FALSE NULL __CLASS__ __DIR__ __FILE__ __LINE__ __METHOD__ __FUNCTION__ __NAMESPACE__"),
  multiLineStrings: true,
  hooks: {
    /** @param {LineStream} stream */
    $: (stream) => {
      stream.eatWhile(/[\w$]/);
      return "variableName.standard";
    },
    /** @param {LineStream} stream */
    "#": (stream) => {
      stream.skipToEnd();
      return "comment";
    },
    /** @param {LineStream} stream */
    "<": (stream) => (stream.match(/^\?(?:php|=)?/) ? "meta" : false),
    /** @param {LineStream} stream */
    "?": (stream) => (stream.eat(">") ? "meta" : false),
  },
});

/** @type {Record<string, Mode>} */
const MODES = /** @type {any} */ ({
  bash: modes.shell, c: modes.c, clojure: modes.clojure, cmake: modes.cmake, cpp: modes.cpp, csharp: modes.csharp,
  css: modes.css, dart: modes.dart, diff: modes.diff, dockerfile: modes.dockerFile, erlang: modes.erlang, go: modes.go,
  groovy: modes.groovy, haskell: modes.haskell, html: modes.html, http: modes.http, ini: modes.properties,
  java: modes.java, javascript: modes.javascript, json: modes.json, julia: modes.julia, kotlin: modes.kotlin,
  latex: modes.stex, less: modes.less, lua: modes.lua, matlab: modes.octave, mysql: modes.mySQL, nginx: modes.nginx,
  objectivec: modes.objectiveC, pascal: modes.pascal, perl: modes.perl, php: PHP, postgresql: modes.pgSQL,
  powershell: modes.powerShell, protobuf: modes.protobuf, python: modes.python, r: modes.r, ruby: modes.ruby,
  rust: modes.rust, scala: modes.scala, scss: modes.sCSS, sql: modes.standardSQL, sqlite: modes.sqlite,
  swift: modes.swift, toml: modes.toml, typescript: modes.typescript, vb: modes.vb, xml: modes.xml, yaml: modes.yaml,
});

/** What the languages' names for their tokens come down to. */
const KINDS = /** @type {Record<string, string>} */ ({
  keyword: "keyword", controlKeyword: "keyword", operatorKeyword: "keyword", modifier: "keyword", self: "keyword", tagName: "keyword", tag: "keyword",
  string: "string", inserted: "string", character: "string", regexp: "string", url: "string",
  number: "number", atom: "number", bool: "number", null: "number", literal: "number", unit: "number", color: "number",
  comment: "comment", lineComment: "comment", blockComment: "comment",
  def: "name", builtin: "name", typeName: "name", className: "name", propertyName: "name", attributeName: "name", standard: "name", heading: "name", labelName: "name", attribute: "name", property: "name", type: "name", qualifier: "name", "variable-2": "name",
  meta: "meta", annotation: "meta", processingInstruction: "meta", documentMeta: "meta",
  deleted: "deleted", invalid: "", error: "",
});

export class Highlighter {
  /** @param {string} language a key of the table above */
  constructor(language) {
    this.#mode = MODES[language];
    /** @type {any[]} the state before each line */
    this.#before = [this.#mode.startState?.(UNIT) ?? {}];
  }

  #mode;
  #before;

  /**
   * The pieces of the line at `index`; those before it must have been asked for.
   *
   * @param {number} index
   * @param {string} text without its line feed
   * @returns {Piece[]}
   */
  line(index, text) {
    const state = this.#copy(this.#before[index]);
    const pieces = this.#read(text, state);
    this.#before.length = index + 1;
    this.#before.push(state);
    return pieces;
  }

  /**
   * @param {string} text
   * @param {any} state
   */
  #read(text, state) {
    /** @type {Piece[]} */
    const pieces = [];
    if (!text) this.#mode.blankLine?.(state, UNIT);
    if (!text || text.length > LONG) return text ? [{ kind: "", text }] : pieces;
    const stream = new LineStream(text, TAB, UNIT);
    while (!stream.eol()) {
      stream.start = stream.pos;
      let style = null;
      // A mode may read nothing once or twice, to get into another state.
      for (let tries = 0; tries < 10 && stream.pos === stream.start; tries += 1) style = this.#mode.token(/** @type {any} */ (stream), state);
      if (stream.pos === stream.start) stream.next();
      const kind = /[\p{L}\p{N}]/u.test(stream.current()) || style !== "number" ? kindOf(style) : "";
      const last = pieces.at(-1);
      if (last && last.kind === kind) last.text += stream.current();
      else pieces.push({ kind, text: stream.current() });
    }
    return pieces;
  }

  /** @param {any} state */
  #copy(state) {
    if (this.#mode.copyState) return this.#mode.copyState(state);
    return Object.fromEntries(Object.entries(state).map(([name, value]) => [name, Array.isArray(value) ? [...value] : value]));
  }
}

/** @param {string | null | undefined} style such as `variableName.function` or `string error` */
function kindOf(style) {
  if (!style) return "";
  for (const word of style.split(" ")) {
    const [name, ...modifiers] = word.split(".");
    if (name === "variableName") return modifiers.some((one) => one === "function" || one === "definition" || one === "standard") ? "name" : "";
    if (name in KINDS) return KINDS[name];
  }
  return "";
}

/** @param {string} text */
function words(text) {
  return Object.fromEntries(text.split(" ").map((word) => [word, true]));
}
