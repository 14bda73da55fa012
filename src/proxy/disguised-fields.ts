/**
 * Request fields that pass for fields of ours. CGI and its heirs (WSGI, PHP, Rack) hand `X_Forwarded_For` and
 * `X-Forwarded-For` to the application under one name, and frameworks believe in `X-Forwarded-Prefix` and the like no less
 * than in the three that we write. What a stranger sends under such names ends here.
 */
import { fieldIdOf } from '../http/fields.ts'
import type { RequestHead } from '../http/request-head.ts'

const UNDERSCORE = 0x5f
const LETTER_X = 0x78
const FORWARDED_PREFIX = 'x-forwarded-'

/**
 * Marks as dropped: every field whose name is that of a known field but for "_" in place of "-", and, unless the peer is
 * trusted, every `X-Forwarded-*`. Changes `head`, which must be the request's own copy; doing it again changes nothing.
 */
export function dropDisguised(head: RequestHead, trusted: boolean): void {
  for (let i = 0; i < head.count; i++) {
    if (head.id(i) === 0 && mayBeDisguised(head, i) && isDisguised(head.name(i), trusted)) head.drop(i)
  }
}

/** Sorts out nearly all fields without making a string. */
function mayBeDisguised(head: RequestHead, i: number): boolean {
  const end = head.nameEnd(i)
  let p = head.nameStart(i)
  if ((head.text.charCodeAt(p) | 0x20) === LETTER_X) return true
  while (p < end && head.text.charCodeAt(p) !== UNDERSCORE) p++
  return p < end
}

function isDisguised(name: string, trusted: boolean): boolean {
  const plain = name.toLowerCase().replaceAll('_', '-')
  const isForwarding = plain.startsWith(FORWARDED_PREFIX)
  if (!name.includes('_')) return isForwarding && !trusted
  return isForwarding || fieldIdOf(plain) !== 0
}
