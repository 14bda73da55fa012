/**
 * The part of a key that is hashed: between the first opening character and the first closing one after it, if both are there
 * and something lies between, else all of it. Only the first opening character counts: `{}{a}` is hashed whole.
 */

/** Two characters, as their bytes. */
export interface HashTag {
  readonly open: number
  readonly close: number
}

/** `text`: two characters below U+0080. */
export function hashTag(text: string): HashTag {
  return { open: text.charCodeAt(0), close: text.charCodeAt(1) }
}

/** Where the tag's text begins in bytes[start, end); -1: the whole key is hashed. Its end is at `tagEnd`. */
export function tagStart(tag: HashTag, bytes: Uint8Array, start: number, end: number): number {
  const open = indexIn(bytes, tag.open, start, end)
  if (open === -1) return -1
  const close = indexIn(bytes, tag.close, open + 1, end)
  return close > open + 1 ? open + 1 : -1
}

/** End of the text that begins at `textStart`, which `tagStart` has found. */
export function tagEnd(tag: HashTag, bytes: Uint8Array, textStart: number, end: number): number {
  return indexIn(bytes, tag.close, textStart, end)
}

// A loop, as `indexOf` would search on behind the key, and `subarray` makes an object per key.
function indexIn(bytes: Uint8Array, byte: number, start: number, end: number): number {
  for (let i = start; i < end; i++) if (bytes[i] === byte) return i
  return -1
}
