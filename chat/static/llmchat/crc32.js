/** CRC-32 (IEEE 802.3, as zlib's) of UTF-8 text, fed piece by piece. */

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

const encoder = new TextEncoder();

/**
 * The checksum of what `crc` already covers, followed by `text`.
 * No piece may end inside a surrogate pair.
 *
 * @param {string} text
 * @param {number} [crc] unsigned; 0 covers nothing yet
 * @returns {number} unsigned
 */
export function crc32(text, crc = 0) {
  let value = ~crc;
  for (const byte of encoder.encode(text)) value = (value >>> 8) ^ TABLE[(value ^ byte) & 0xff];
  return ~value >>> 0;
}
