/** The page's words: translated by Django, handed over in the page's configuration. */

/** @type {Record<string, string>} */
let labels = {};

/** @param {Record<string, string>} given */
export function useLabels(given) {
  labels = given;
}

/**
 * The words for `key`, with `{name}` replaced by `values.name`.
 *
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  return (labels[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}
