/**
 * Named character references, decoded by the browser instead of a 30 KB table. The name of the function
 * is the one that markdown-it imports.
 */

const ONE = /^&(?:[a-z][a-z0-9]{1,31}|#[0-9]{1,7}|#x[0-9a-f]{1,6});$/i;

/** @type {Map<string, string>} */
const known = new Map();

/**
 * The character that a reference such as `&amp;` stands for, or the reference itself when it is none.
 *
 * @param {string} reference
 */
export function decodeHTMLStrict(reference) {
  let found = known.get(reference);
  if (found === undefined) {
    found = ONE.test(reference) ? parse(reference) : reference;
    known.set(reference, found);
  }
  return found;
}

/** @param {string} reference nothing but one reference, so that no markup can come of it */
function parse(reference) {
  try {
    // Something before it, or the parser drops a tab or a line feed at the start of a document.
    return new DOMParser().parseFromString(`x${reference}`, "text/html").body.textContent?.slice(1) ?? reference;
  } catch {
    // Where Trusted Types are enforced the reference stays as it was written.
    return reference;
  }
}
