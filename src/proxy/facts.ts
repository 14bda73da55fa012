/** The narrow view that rules have of a parsed request or response head. */
import type { RequestHead } from '../http/request-head.ts'
import type { ResponseHead } from '../http/response-head.ts'
import type { RequestFacts, ResponseFacts } from '../plan/facts.ts'
import type { TlsFacts } from '../plan/tls-facts.ts'

/** Whoever knows the peer of a request. */
export interface PeerSource {
  /** Asked for only when a rule wants it, since it costs a system call. */
  readonly clientAddress: string
  /** The request came over TLS. */
  readonly isSecure: boolean
  /** undefined: it did not. Asked for only when a rule wants it. */
  readonly tls: TlsFacts | undefined
}

export class HeadFacts implements RequestFacts {
  head: RequestHead
  #source: PeerSource

  constructor(head: RequestHead, source: PeerSource) {
    this.head = head
    this.#source = source
  }

  /** The same facts object for another request. */
  reuse(head: RequestHead, source: PeerSource): this {
    this.head = head
    this.#source = source
    return this
  }

  get method(): string {
    return this.head.method
  }

  get scheme(): 'http' | 'https' {
    return this.#source.isSecure ? 'https' : 'http'
  }

  get tls(): TlsFacts | undefined {
    return this.#source.tls
  }

  get host(): string {
    return this.head.host
  }

  get authority(): string {
    return this.head.authority
  }

  get path(): string {
    return this.head.path
  }

  get query(): string {
    return this.head.query
  }

  get hasQuery(): boolean {
    return this.head.hasQuery
  }

  get clientAddress(): string {
    return this.#source.clientAddress
  }

  header(name: string): string | undefined {
    return this.head.valueOf(name)
  }

  headers(name: string): readonly string[] {
    return this.head.valuesOf(name)
  }
}

/** The forwardable fields of a head as a flat list of names and values. `skip` is a table by field id. */
export function fieldsOf(
  head: RequestHead | ResponseHead,
  skip: Uint8Array,
  connectionOptions: readonly string[] | undefined,
): string[] {
  const list: string[] = []
  for (let i = 0; i < head.count; i++) {
    if (skip[head.id(i)] === 1) continue
    const name = head.name(i)
    if (connectionOptions?.includes(name.toLowerCase())) continue
    list.push(name, head.valueAt(i))
  }
  return list
}

/** `Name: value` lines of a flat list. */
export function fieldLines(list: readonly string[]): string {
  let lines = ''
  for (let i = 0; i < list.length; i += 2) lines += `${list[i]}: ${list[i + 1]}\r\n`
  return lines
}

/** Reads `Name: value` lines that `fieldLines` wrote, up to the end or a blank line. */
export function parseFieldLines(text: string): string[] {
  const list: string[] = []
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(': ')
    if (colon !== -1) list.push(line.slice(0, colon), line.slice(colon + 2))
  }
  return list
}

/** What a response head says to rules, without a list being made of it. */
export class ResponseHeadFacts implements ResponseFacts {
  readonly #head: ResponseHead

  constructor(head: ResponseHead) {
    this.#head = head
  }

  get status(): number {
    return this.#head.status
  }

  header(name: string): string | undefined {
    return this.#head.valueOf(name)
  }

  headers(name: string): readonly string[] {
    return this.#head.valuesOf(name)
  }
}
