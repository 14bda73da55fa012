/**
 * Names of origins to addresses, for the `lookup` option of `net.connect`. `dns.lookup` does the asking, so /etc/hosts
 * and nsswitch.conf hold here as everywhere on the machine; it occupies one of the few threads of libuv's pool for as
 * long as the answer takes, hence what stands around it:
 *
 *     age of the last good answer    what a caller gets
 *     up to ttlMs                    that answer, at once
 *     up to 2 * ttlMs                that answer, at once; the name is asked again behind its back
 *     up to staleMs                  the new answer when it is there, or the last good one if asking failed
 *     older, or none                 the new answer, or the error, which is kept for failureMs
 *
 * Always one query in flight per name. Callers get all addresses, beginning with another one each time, so that
 * connections spread over them; whoever wants one address gets the first.
 */
import { type LookupAddress, type LookupOptions, lookup as systemLookup } from 'node:dns'

/** Asks for all addresses of a name; `addresses` is not empty when `error` is null. */
export type Query = (name: string, callback: (error: Error | null, addresses: readonly LookupAddress[]) => void) => void

type LookupCallback = (error: Error | null, address: string | LookupAddress[], family?: number) => void

export interface ResolverOptions {
  /** How long an answer is used without asking again. */
  readonly ttlMs: number
  /** How old an answer may be that stands in for one that cannot be had. */
  readonly staleMs: number
  /** How long a name is not asked for again after a failure. */
  readonly failureMs: number
  /** Names remembered; beyond it the one resolved longest ago is forgotten. */
  readonly names: number
  readonly query: Query
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number
}

const defaults: ResolverOptions = {
  ttlMs: 10_000,
  staleMs: 600_000,
  failureMs: 1000,
  names: 1024,
  query: (name, callback) => systemLookup(name, { all: true, order: 'verbatim' }, callback),
  now: () => performance.now(),
}

/** What is known of one name. */
class Name {
  addresses: readonly LookupAddress[] = []
  resolvedMs = Number.NEGATIVE_INFINITY
  error: Error | null = null
  failedMs = Number.NEGATIVE_INFINITY
  isAsking = false
  /** Where the list of addresses begins for the next caller. */
  turn = 0
  /** Callers that wait for the query in flight; bounded by the connections their owners may open. */
  waiting: (() => void)[] = []
}

export class Resolver {
  readonly #options: ResolverOptions
  readonly #names = new Map<string, Name>()

  constructor(options: Partial<ResolverOptions> = {}) {
    this.#options = { ...defaults, ...options }
  }

  /**
   * The function for `net.connect({ lookup })`, usable without its object. It calls back in a later turn of the event
   * loop, as `dns.lookup` does: with `all` a list of addresses, else one address and its family. An error has the code
   * of `dns.lookup` (ENOTFOUND, EAI_AGAIN ...), ENOTFOUND also when the name has no address of the wanted family.
   */
  readonly lookup = (hostname: string, options: LookupOptions, callback: LookupCallback): void => {
    const now = this.#options.now()
    const name = this.#remember(hostname)
    const age = now - name.resolvedMs
    const answer = () => this.#answer(hostname, name, options, callback)
    const hasFailed = now - name.failedMs < this.#options.failureMs
    if (age > this.#options.ttlMs && !name.isAsking && !hasFailed) this.#ask(hostname, name)
    if (age > 2 * this.#options.ttlMs && name.isAsking) name.waiting.push(answer)
    else setImmediate(answer)
  }

  /** Number of names remembered. */
  get size(): number {
    return this.#names.size
  }

  #remember(hostname: string): Name {
    const known = this.#names.get(hostname)
    if (known !== undefined) return known
    if (this.#names.size >= this.#options.names) this.#forgetOldest()
    const name = new Name()
    this.#names.set(hostname, name)
    return name
  }

  /** The first name in the Map is the one set longest ago; a name is set anew when it is resolved. */
  #forgetOldest(): void {
    const oldest = this.#names.keys().next()
    if (oldest.done !== true) this.#names.delete(oldest.value)
  }

  #ask(hostname: string, name: Name): void {
    name.isAsking = true
    this.#options.query(hostname, (error, addresses) => {
      name.isAsking = false
      if (error === null) {
        name.addresses = addresses
        name.resolvedMs = this.#options.now()
        this.#moveBack(hostname, name)
      } else {
        name.error = error
        name.failedMs = this.#options.now()
      }
      const { waiting } = name
      name.waiting = []
      // Each in a turn of its own: what one callback throws takes no answer from the others.
      for (const answer of waiting) setImmediate(answer)
    })
  }

  /** Called when nothing better is to come: with the last good answer if it is not too old. */
  #answer(hostname: string, name: Name, options: LookupOptions, callback: LookupCallback): void {
    const isUsable = this.#options.now() - name.resolvedMs <= this.#options.staleMs
    const addresses = isUsable ? ofFamily(name.addresses, options.family) : []
    const start = name.turn++ % Math.max(1, addresses.length)
    const first = addresses[start]
    if (first === undefined) callback((isUsable ? null : name.error) ?? notFound(hostname), '')
    else if (options.all === true) callback(null, [...addresses.slice(start), ...addresses.slice(0, start)])
    else callback(null, first.address, first.family)
  }

  /** A name forgotten while it was asked for stays forgotten; its callers hold it and are answered all the same. */
  #moveBack(hostname: string, name: Name): void {
    if (this.#names.get(hostname) !== name) return
    this.#names.delete(hostname)
    this.#names.set(hostname, name)
  }
}

function ofFamily(addresses: readonly LookupAddress[], family: LookupOptions['family']): readonly LookupAddress[] {
  const wanted = family === 'IPv4' ? 4 : family === 'IPv6' ? 6 : family
  return wanted === 4 || wanted === 6 ? addresses.filter((address) => address.family === wanted) : addresses
}

function notFound(hostname: string): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(`no address found for ${hostname}`)
  error.code = 'ENOTFOUND'
  error.syscall = 'getaddrinfo'
  return error
}
