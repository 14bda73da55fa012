/** Reads the literate pages of this folder; README.md beside it says how they are written. */

export interface WireCase {
  readonly title: string
  /** 1-based line of the message block in the page, for failure messages. */
  readonly line: number
  readonly kind: 'request' | 'response' | 'body'
  /** `name=value` words of the message block's first line; a bare word has the value ''. */
  readonly options: ReadonlyMap<string, string>
  readonly message: Buffer
  readonly events: readonly string[]
}

/** All cases of a page. Throws when the page itself is wrong: a heading without blocks, an unknown block or escape. */
export function readPage(text: string): WireCase[] {
  const lines = text.split('\n')
  const cases: WireCase[] = []
  let title = ''
  let message: Pick<WireCase, 'line' | 'kind' | 'options' | 'message'> | undefined
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!
    if (line.startsWith('## ')) {
      if (message !== undefined) throw new Error(`line ${i + 1}: "${title}" has no events`)
      title = line.slice(3)
    }
    if (!line.startsWith('```')) continue
    const end = lines.indexOf('```', i + 1)
    if (end === -1) throw new Error(`line ${i + 1}: block is not closed`)
    const block = lines.slice(i + 1, end)
    const [kind, ...words] = line.slice(3).split(' ')
    if (kind === 'events') {
      if (message === undefined) throw new Error(`line ${i + 1}: events without a message`)
      cases.push({ title, ...message, events: block })
      message = undefined
    } else if (kind === 'request' || kind === 'response' || kind === 'body') {
      message = { line: i + 1, kind, options: readOptions(words), message: unescapeBytes(block.join('')) }
    } else throw new Error(`line ${i + 1}: unknown block "${kind}"`)
    i = end
  }
  return cases
}

/** Bytes of a text with the visible escapes of the pages. */
export function unescapeBytes(text: string): Buffer {
  const simple = new Map([
    ['r', '\r'],
    ['n', '\n'],
    ['t', '\t'],
    ['s', ' '],
    ['\\', '\\'],
  ])
  const plain = text.replace(/\\(?:x([0-9a-f]{2})|(.))/g, (whole, hex: string | undefined, letter: string) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16))
    const character = simple.get(letter)
    if (character === undefined) throw new Error(`unknown escape ${whole}`)
    return character
  })
  return Buffer.from(plain, 'latin1')
}

/** The inverse of `unescapeBytes`, for what the events show. */
export function escapeText(text: string): string {
  return text
    .replace(/\\/g, '\\\\')
    .replace(/\r/g, '\\r')
    .replace(/\n/g, '\\n')
    .replace(/\t/g, '\\t')
    .replace(/[^\x20-\x7e]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

function readOptions(words: readonly string[]): Map<string, string> {
  return new Map(
    words.map((word) => {
      const equals = word.indexOf('=')
      return equals === -1 ? [word, ''] : [word.slice(0, equals), word.slice(equals + 1)]
    }),
  )
}
