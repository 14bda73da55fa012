/** The text of `shellac help [WORD]`: guides, directives, words of other servers, units, reasons, all from their tables. */
import { type ReasonRecord, reasons } from '../log/reasons.ts'
import { type Context, type Directive, syntaxOf } from './directives/directive.ts'
import { contexts, findByPeerWord } from './directives/table.ts'
import { foreignWords } from './foreign-words.ts'
import { type Guide, guides } from './guides.ts'
import { didYouMean, suggest } from './suggest.ts'
import { unitsText, valueTypes } from './value-types.ts'

const WIDTH = 88

/** undefined: nothing is known about the topic; `unknownText` says what is near. */
export function helpText(topic: string): string | undefined {
  if (topic === 'statements') return overview()
  if (topic === 'units' || topic === 'values') return unitsText()
  if (topic === 'reasons') return reasonList()
  const guide = guides.find((one) => one.name === topic)
  const named = statementText(topic)
  if (guide !== undefined) return named === undefined ? describeGuide(guide) : `${describeGuide(guide)}\n${named}`
  if (named !== undefined) return named
  const advice = foreignWords.get(topic)
  if (advice !== undefined) return `${topic} is no word of Shellac; ${advice}\n`
  const peers = findByPeerWord(topic)
  if (peers.length > 0) return `Shellac's word for "${topic}":\n\n${peers.map(describeEntry).join('\n')}`
  return undefined
}

/** What is known of the statements and reasons of this name: "method" is both. */
export function statementText(name: string): string | undefined {
  const entries = [...directivesNamed(name).map(describeEntry), ...reasonsNamed(name).map(describeReason)]
  return entries.length === 0 ? undefined : entries.join('\n')
}

/** A directive and the blocks it stands in; two directives of one name are two entries. */
interface Entry {
  readonly directive: Directive
  readonly contexts: readonly Context[]
}

function directivesNamed(name: string): readonly Entry[] {
  const found = new Map<Directive, Context[]>()
  for (const context of contexts) {
    const directive = context.directives.find((one) => one.name === name)
    if (directive === undefined) continue
    const places = found.get(directive)
    if (places === undefined) found.set(directive, [context])
    else places.push(context)
  }
  return [...found].map(([directive, places]) => ({ directive, contexts: places }))
}

function reasonsNamed(name: string): readonly ReasonRecord[] {
  return reasons.filter((one) => one.name === name)
}

function describeGuide({ paragraphs, example, commands }: Guide): string {
  const texts = paragraphs.map((text) => wrap(text, 0))
  return `${[...texts, indent(example.split('\n')), indent(commands)].join('\n\n')}\n`
}

function indent(lines: readonly string[]): string {
  return lines.map((line) => `    ${line}`).join('\n')
}

function describeReason(reason: ReasonRecord): string {
  return `reason ${reason.name}\n${wrap(reason.doc, 4)}\n    cure: ${reason.cure}\n`
}

function describeEntry({ directive, contexts: places }: Entry): string {
  const forms = (directive.shape.forms ?? []).map((form) => `        ${directive.name} ${form};`)
  const lines = [syntaxOf(directive), wrap(directive.doc, 4), ...forms, '']
  lines.push(`    where    ${placesText(places)}`)
  if (directive.defaultText !== undefined) lines.push(`    default  ${directive.defaultText}`)
  lines.push(`    phase    ${directive.phase}`, `    example  ${directive.example}`)
  if (directive.block !== undefined) lines.push(...directive.block.contexts.flatMap(blockLines))
  return `${lines.join('\n')}\n`
}

/** `at the top level`, `site, route`. */
export function placesText(places: readonly Context[]): string {
  return places.map((place) => (place.name === 'main' ? 'the top level' : place.name)).join(', ')
}

function blockLines(name: Context['name']): readonly string[] {
  const context = contexts.find((one) => one.name === name)!
  return [
    '',
    `    in the block${name.includes(' ') ? ` of "${name}"` : ''}:`,
    ...context.directives.map((one) => `        ${syntaxOf(one)}`),
  ]
}

function overview(): string {
  const main = contexts[0]!
  const width = Math.max(...main.directives.map(({ name }) => name.length))
  const rows = main.directives.map((one) => `    ${one.name.padEnd(width)} ${firstSentence(one.doc)}`)
  return [
    'A configuration is a list of statements: NAME ARGUMENT ... and then ";" or a block in braces.',
    '',
    ...rows,
    '',
    'What several do together:',
    '',
    ...guides.map((one) => `    shellac help ${one.name}`),
    '',
    'shellac help WORD      a statement, or what another server calls it: proxy_pass, beresp.ttl, use_backend',
    'shellac help units     times, sizes, addresses, globs, regular expressions',
    'shellac help reasons   why an answer did not come from the cache',
    '',
  ].join('\n')
}

function reasonList(): string {
  return reasons.map(describeReason).join('\n')
}

export function unknownText(topic: string): string {
  const words = contexts.flatMap((context) => context.directives.flatMap((one) => [one.name, ...one.peers]))
  const near = didYouMean(suggest(topic, [...words, ...[...guides, ...reasons, ...valueTypes].map((one) => one.name)]))
  const help = near ?? '"shellac help statements" lists those of the language'
  return `nothing is known about "${topic}"; ${help}`
}

function firstSentence(text: string): string {
  const end = text.indexOf('. ')
  return end === -1 ? text : text.slice(0, end + 1)
}

function wrap(text: string, indent: number): string {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > WIDTH - indent) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line].map((one) => ' '.repeat(indent) + one).join('\n')
}
