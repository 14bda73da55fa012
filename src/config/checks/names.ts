/** Names: defined once, defined if used, used if defined. */
import type { Block, CheckedDocument, ScopedName } from '../checked.ts'
import type { ObjectKind, Report } from '../directives/directive.ts'
import { errorAt, warningAt } from '../errors.ts'
import { didYouMean, suggest } from '../suggest.ts'

const MAX_LISTED = 8

/** What messages call the objects. */
const nouns: Readonly<Record<ObjectKind, string>> = {
  listener: 'listener',
  backend: 'backend',
  memcached: 'memcached pool',
  'memcached-proxy': 'memcached-proxy',
  'tls-sessions': 'tls-sessions block',
  cache: 'cache',
  rule: 'rule',
  matcher: 'matcher',
  server: 'server',
  route: 'route',
  test: 'test',
}

export function checkDuplicateNames(checked: CheckedDocument, report: Report): void {
  const first = new Map<Block, Map<string, ScopedName>>()
  for (const definition of checked.definitions) {
    const names = first.get(definition.block) ?? new Map<string, ScopedName>()
    first.set(definition.block, names)
    const key = `${definition.kind} ${definition.name}`
    const earlier = names.get(key)
    if (earlier === undefined) {
      names.set(key, definition)
      continue
    }
    const message = `${nouns[definition.kind]} "${definition.name}" is already defined`
    const help = 'give it another name; two definitions are never merged'
    report(
      errorAt(definition.span, 'redefinition', message, help, [{ message: 'first defined here', span: earlier.span }]),
    )
  }
}

export function checkUndefinedNames(checked: CheckedDocument, report: Report): void {
  const scopesByName = new Map<string, Block[]>()
  for (const { kind, name, block } of checked.definitions) {
    const scopes = scopesByName.get(`${kind} ${name}`)
    if (scopes === undefined) scopesByName.set(`${kind} ${name}`, [block])
    else scopes.push(block)
  }
  for (const reference of checked.references) {
    const scopes = scopesByName.get(`${reference.kind} ${reference.name}`) ?? []
    if (scopes.some((scope) => isInside(reference.block, scope))) continue
    if (checked.possibleNames.has(reference.name)) continue
    const message = `unknown ${nouns[reference.kind]} ${shownName(reference.kind, reference.name)}`
    report(errorAt(reference.span, 'unknown-name', message, undefinedHelp(checked, reference)))
  }
}

function isInside(block: Block, scope: Block): boolean {
  for (let at: Block | undefined = block; at !== undefined; at = at.parent) if (at === scope) return true
  return false
}

function undefinedHelp(checked: CheckedDocument, reference: ScopedName): string {
  const { kind } = reference
  const known = checked.definitions
    .filter((definition) => definition.kind === kind && isInside(reference.block, definition.block))
    .map((definition) => shownName(kind, definition.name).slice(1, -1))
  const near = didYouMean(suggest(shownName(kind, reference.name).slice(1, -1), known))
  if (near !== undefined) return near
  if (known.length === 0) return `no ${nouns[kind]} is defined; ${definitionHelp(kind, reference.name)}`
  const rest = known.length > MAX_LISTED ? ', ...' : ''
  return `defined: ${known.slice(0, MAX_LISTED).join(', ')}${rest}`
}

function definitionHelp(kind: ObjectKind, name: string): string {
  const word = kind === 'matcher' ? `match @${name}` : `${kind} ${name}`
  return `add: ${word} { ... }`
}

function shownName(kind: ObjectKind, name: string): string {
  return kind === 'matcher' ? `"@${name}"` : `"${name}"`
}

/** Kinds that only matter when something refers to them. */
const REFERRED_KINDS: ReadonlySet<ObjectKind> = new Set([
  'backend',
  'memcached',
  'tls-sessions',
  'cache',
  'rule',
  'matcher',
])

export function checkUnusedNames(checked: CheckedDocument, report: Report): void {
  const used = new Set(checked.references.map((reference) => `${reference.kind} ${reference.name}`))
  for (const definition of checked.definitions) {
    if (!REFERRED_KINDS.has(definition.kind) || used.has(`${definition.kind} ${definition.name}`)) continue
    const message = `${nouns[definition.kind]} ${shownName(definition.kind, definition.name)} is never used`
    report(warningAt(definition.span, 'unused-name', message, usageHelp(definition.kind, definition.name)))
  }
}

function usageHelp(kind: ObjectKind, name: string): string {
  switch (kind) {
    case 'backend':
      return `use it with "proxy ${name};", or remove it`
    case 'memcached':
      return `use it with "tier memcached ${name};" in a cache or "pool ${name};" in a memcached-proxy, or remove it`
    case 'tls-sessions':
      return `use it with "sessions ${name};" in "tls" of a listener, or remove it`
    case 'cache':
      return `use it with "use-cache ${name};", or remove it`
    case 'rule':
      return `use it with "cache ${name};", or remove it`
    default:
      return `use it with "when @${name}", "bypass @${name}" or "allow @${name}", or remove it`
  }
}
