/** The text inside a quoted token. */

/** Offsets are within the token's image. */
export interface StringText {
  readonly text: string
  /** Where a backslash stands before a character that has no escape. */
  readonly badEscapes: readonly number[]
}

const escapes: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['n', '\n'],
  ['t', '\t'],
])

/** Takes the image of a string with its quotes; the closing one may be missing. A bad escape stays as it is written. */
export function unescapeString(image: string): StringText {
  const badEscapes: number[] = []
  let text = ''
  let from = 1
  const end = innerEnd(image, 1)
  for (let at = image.indexOf('\\', 1); at !== -1 && at + 1 < end; at = image.indexOf('\\', at + 2)) {
    const meant = escapes.get(image.charAt(at + 1))
    if (meant === undefined) badEscapes.push(at)
    text += image.slice(from, at) + (meant ?? image.slice(at, at + 2))
    from = at + 2
  }
  return { text: text + image.slice(from, end), badEscapes }
}

/** Takes the image `~"..."`. Backslashes belong to the expression; only the one that guards a quote is taken away. */
export function unescapeRegex(image: string): string {
  return image.slice(2, innerEnd(image, 2)).replaceAll('\\"', '"')
}

/** The end of what stands between the quotes, which begins at `first`. */
function innerEnd(image: string, first: number): number {
  if (image.length <= first) return image.length
  const isClosed = !/[^"'\u2018-\u201f]/.test(image.charAt(image.length - 1)) && !endsEscaped(image, first)
  return isClosed ? image.length - 1 : image.length
}

/** True when the last character is escaped: an odd number of backslashes stands before it. */
function endsEscaped(image: string, first: number): boolean {
  let at = image.length - 2
  while (at >= first && image.charAt(at) === '\\') at--
  return (image.length - 2 - at) % 2 === 1
}
