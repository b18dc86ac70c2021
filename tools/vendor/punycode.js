/** Stands in for punycode.js: the platform's URL parser knows the encoding. */
export default {
  toASCII: (host) => (URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : host),
  toUnicode: (host) => host,
};
