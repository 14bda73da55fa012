/**
 * Names in certificates as text that may stand anywhere: printable ASCII alone, whatever a stranger wrote into his certificate.
 *
 * Node gives a subject as one line for each part, the least exact first, with commas, control characters and the like escaped
 * as RFC 4514 §2.4 does; alternative names as `DNS:a, URI:b`, and one that holds anything suspicious as a JSON string. Here a
 * quoted value is never cut at a comma inside it, as a name put there by its owner would then count as the authority's word.
 */

/** `CN=Ada,OU=Staff,O=Example` (RFC 4514: the most exact part first). */
export function distinguishedName(lines: string): string {
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map(printable)
    .reverse()
    .join(',')
}

/** The most exact CN, without `CN=`; empty: there is none. */
export function commonNameOf(lines: string): string {
  const line = lines.split('\n').findLast((one) => one.startsWith('CN='))
  return line === undefined ? '' : printable(line.slice(3))
}

export interface AlternativeName {
  /** As Node writes it: `DNS`, `email`, `URI`, `IP Address`, `DirName`, ... */
  readonly kind: string
  readonly value: string
}

/** Of the text that Node makes of subjectAltName; undefined: the certificate has none. */
export function alternativeNames(text: string | undefined): AlternativeName[] {
  return splitNames(text ?? '').flatMap((part) => {
    const colon = part.indexOf(':')
    if (colon === -1) return []
    const value = part.slice(colon + 1)
    const plain = value.startsWith('"') ? unquote(value) : value
    return plain === undefined ? [] : [{ kind: part.slice(0, colon), value: printable(plain) }]
  })
}

/** At the commas that stand outside of quotes. */
function splitNames(text: string): string[] {
  const parts: string[] = []
  let from = 0
  let isQuoted = false
  for (let at = 0; at < text.length; at++) {
    const letter = text[at]
    if (isQuoted && letter === '\\') at++
    else if (letter === '"') isQuoted = !isQuoted
    else if (!isQuoted && letter === ',' && text[at + 1] === ' ') {
      parts.push(text.slice(from, at))
      from = at + 2
      at++
    }
  }
  parts.push(text.slice(from))
  return parts.filter((part) => part !== '')
}

function unquote(json: string): string | undefined {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}

/** What is beyond printable ASCII becomes `\` and two hexadecimal digits for each of its bytes in UTF-8 (RFC 4514 §2.4). */
function printable(text: string): string {
  if (!/[^ -~]/.test(text)) return text
  let plain = ''
  for (const byte of Buffer.from(text, 'utf8')) {
    plain +=
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return plain
}
