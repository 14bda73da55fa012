/**
 * What one directive is: the record that the checker, the compiler, `shellac help` and shellac.conf(5) all read.
 *
 * A directive is defined once, as a constant, in the file of the block it stands in; a block that shares it (a route
 * takes most statements of a site) lists the same constant. The compiler asks a block for the value of a constant, so
 * no name of the language is written down twice.
 */
import type { Diagnostic } from '../diagnostics.ts'
import type { ArgumentReader } from './arguments.ts'

/** The blocks of the language. `main` is the file itself. */
export type ContextName =
  | 'main'
  | 'process'
  | 'reload'
  | 'admin'
  | 'log daemon'
  | 'log access'
  | 'listener'
  | 'tls'
  | 'client-certificate'
  | 'limits'
  | 'backend'
  | 'retry'
  | 'response-limits'
  | 'backend tls'
  | 'memcached'
  | 'memcached-proxy'
  | 'memcached limits'
  | 'tls-sessions'
  | 'tickets'
  | 'session ids'
  | 'cache'
  | 'key'
  | 'collapse'
  | 'tags'
  | 'purge'
  | 'rule'
  | 'headers'
  | 'match'
  | 'site'
  | 'forwarded'
  | 'route'
  | 'test'
  | 'test message'
  | 'test stored'

/**
 * The steps of a request's life, in their order, and where a directive belongs that no request meets. `shellac.conf(5)`
 * publishes this list.
 */
export const phases = [
  { name: 'start', doc: 'when the configuration is loaded, before any request' },
  { name: 'accept', doc: 'a client connects to a listener' },
  { name: 'limits', doc: 'the head is read; what is too large, too slow or too much is refused' },
  { name: 'route', doc: 'listener, host, path, method and "when" choose a route' },
  { name: 'access', doc: '"allow" and "deny" decide who is answered' },
  { name: 'request edits', doc: 'the fields of the request become those that the origin will see' },
  { name: 'key', doc: 'the name of the object in the cache is made' },
  { name: 'look-up', doc: 'what is stored answers if it may' },
  { name: 'fetch', doc: 'a server of the backend is chosen and asked' },
  { name: 'response edits', doc: 'before storing, those without variable or condition; for each answer, all of them' },
  { name: 'store', doc: 'whether the response is kept, and how long it is fresh' },
  { name: 'deliver', doc: 'the answer goes to the client' },
  { name: 'log', doc: 'the line of the access log' },
  { name: 'check', doc: 'never at run time: what the checker is told' },
] as const

export type Phase = (typeof phases)[number]['name']

/** Kinds of named objects. Servers are named within their backend, routes within their site, the others globally. */
export type ObjectKind =
  | 'listener'
  | 'backend'
  | 'memcached'
  | 'memcached-proxy'
  | 'tls-sessions'
  | 'cache'
  | 'rule'
  | 'matcher'
  | 'server'
  | 'route'
  | 'test'

/** How the arguments of a directive are written and read. */
export interface Shape<T> {
  /** For help and messages, without the directive's name: `NAME ADDRESS [weight NUMBER] [backup]`; empty: none. */
  readonly syntax: string
  /** Another way to write them. */
  readonly otherSyntax?: string
  /** Where there are many ways: each of them, for help, and `syntax` in short. */
  readonly forms?: readonly string[]
  /** undefined after something was reported through the reader. */
  read(reader: ArgumentReader): T | undefined
}

/** What a block may hold: always the same, or as the arguments say (`log daemon`, `log access`). */
export interface BlockRule<T> {
  readonly contexts: readonly ContextName[]
  /** `optional`: `collapse on;` and `collapse { wait 2s; }` are both fine. */
  readonly presence: 'required' | 'optional'
  choose(value: T): ContextName
}

export interface Directive<T = unknown> {
  readonly name: string
  readonly shape: Shape<T>
  /** undefined: the statement ends with `;`. */
  readonly block: BlockRule<T> | undefined
  /** `once`: a second one in the same block is an error. */
  readonly repeat: 'once' | 'many'
  /** The block makes no sense without it. */
  readonly isRequired: boolean
  /** The arguments that apply when the statement is absent, in the language itself; undefined: nothing applies. */
  readonly defaultText: string | undefined
  readonly phase: Phase
  /** A paragraph; the first sentence stands alone in lists. */
  readonly doc: string
  /** A complete statement, or several. */
  readonly example: string
  /** Words of nginx, Varnish, HAProxy and Squid whose users should be led here. */
  readonly peers: readonly string[]
}

/** The statements of one kind of block. */
export interface Context {
  readonly name: ContextName
  readonly doc: string
  readonly directives: readonly Directive[]
}

/** The parts of a directive that have a usual value may be left out. */
export interface DirectiveRecord<T> {
  readonly name: string
  readonly shape: Shape<T>
  /** One context, where the arguments do not decide it. */
  readonly block?: ContextName | BlockRule<T>
  /** With `block` as a name: `;` is fine too. */
  readonly isBlockOptional?: boolean
  readonly repeat?: 'many'
  readonly isRequired?: boolean
  readonly defaultText?: string
  readonly phase: Phase
  readonly doc: string
  readonly example: string
  readonly peers?: readonly string[]
}

export function directive<T>(record: DirectiveRecord<T>): Directive<T> {
  const { block } = record
  return {
    name: record.name,
    shape: record.shape,
    block: typeof block === 'string' ? sameBlock(block, record.isBlockOptional === true) : block,
    repeat: record.repeat ?? 'once',
    isRequired: record.isRequired === true,
    defaultText: record.defaultText,
    phase: record.phase,
    doc: record.doc,
    example: record.example,
    peers: record.peers ?? [],
  }
}

function sameBlock<T>(name: ContextName, isOptional: boolean): BlockRule<T> {
  return { contexts: [name], presence: isOptional ? 'optional' : 'required', choose: () => name }
}

/** The statement as help and messages show it: `server NAME ADDRESS [weight NUMBER] [backup];`. */
export function syntaxOf(one: Directive): string {
  const { syntax, otherSyntax } = one.shape
  const ways = otherSyntax === undefined ? [syntax] : [syntax, otherSyntax]
  const heads = ways.map((way) => (way === '' ? one.name : `${one.name} ${way}`))
  if (one.block === undefined) return heads.map((head) => `${head};`).join(' or ')
  if (one.block.presence === 'required') return `${heads[0]} { ... }`
  const before = syntax.startsWith('[') ? one.name : heads[0]
  return `${heads[0]}; or ${before} { ... }`
}

export type Report = (diagnostic: Diagnostic) => void
