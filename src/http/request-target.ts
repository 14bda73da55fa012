/**
 * The three rarer forms of a request target (RFC 9112 §3.2.2-3.2.4). The common origin-form is read by request-head.ts.
 */
import { checkAuthority } from './authority.ts'
import { refusal } from './head-errors.ts'
import type { RequestHead } from './request-head.ts'
import { QUESTION_MARK, SLASH } from './tokens.ts'

const BAD_TARGET = refusal('bad-target')
const BAD_HOST = refusal('bad-host')

/**
 * Reads a target that does not begin with "/": sets `form`, `path`, `query`, `hasQuery`, `uri`, and for the absolute and
 * authority forms `authority` and `host`. Needs `method` and `target`. Returns 0 or a negative head error.
 */
export function readOtherTarget(head: RequestHead): number {
  const target = head.target
  if (head.method === 'CONNECT') return readAuthorityForm(head)
  if (target === '*') {
    // RFC 9112 §3.2.4: only a server-wide OPTIONS has it.
    if (head.method !== 'OPTIONS') return BAD_TARGET
    setAsterisk(head)
    return 0
  }
  const authorityStart = schemeEnd(target)
  return authorityStart === -1 ? BAD_TARGET : readAbsoluteForm(head, authorityStart)
}

/** RFC 9112 §3.2.3: host and port; the port is not optional here. */
function readAuthorityForm(head: RequestHead): number {
  const target = head.target
  const hostEnd = checkAuthority(target, 0, target.length)
  if (hostEnd === -1 || target.length - hostEnd < 2) return BAD_TARGET
  head.form = 'authority'
  head.path = ''
  head.uri = ''
  head.setAuthority(target, 0, target.length, hostEnd)
  return 0
}

/** RFC 9112 §3.2.2: the authority of the target replaces Host. User information and fragments are refused. */
function readAbsoluteForm(head: RequestHead, start: number): number {
  const target = head.target
  let end = start
  while (end < target.length && target.charCodeAt(end) !== SLASH && target.charCodeAt(end) !== QUESTION_MARK) end++
  const hostEnd = checkAuthority(target, start, end)
  if (hostEnd === -1) return BAD_HOST
  head.setAuthority(target, start, end, hostEnd)
  if (end === target.length && head.method === 'OPTIONS') {
    // RFC 9112 §3.2.4: the last proxy turns an empty path of OPTIONS into "*".
    setAsterisk(head)
    return 0
  }
  head.form = 'absolute'
  const mark = target.indexOf('?', end)
  const pathEnd = mark === -1 ? target.length : mark
  head.path = pathEnd === end ? '/' : target.slice(end, pathEnd)
  head.hasQuery = mark !== -1
  head.query = mark === -1 ? '' : target.slice(mark + 1)
  head.uri = pathEnd === end ? `/${target.slice(end)}` : target.slice(end)
  return 0
}

function setAsterisk(head: RequestHead): void {
  head.form = 'asterisk'
  head.path = '*'
  head.uri = '*'
}

/** Index behind "http://" or "https://" in any letter case, -1 for anything else. */
function schemeEnd(target: string): number {
  const end = target.indexOf('://') + 3
  if (end !== 7 && end !== 8) return -1
  const scheme = target.slice(0, end - 3).toLowerCase()
  return scheme === 'http' || scheme === 'https' ? end : -1
}
