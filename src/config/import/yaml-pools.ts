/**
 * A YAML file of pools, as twemproxy and golemproxy have it: a mapping of names to mappings of options, whose values are
 * scalars or lists of scalars. All scalars stay text, so that `0660` and `yes` are what stands there; what they mean is for the
 * reader of the option.
 */
import { isMap, isPair, isScalar, isSeq, type Node, parseDocument, type Scalar } from 'yaml'
import type { Span } from '../ast.ts'
import type { Diagnostic } from '../diagnostics.ts'
import { errorAt } from '../errors.ts'
import type { Source } from '../source.ts'

export interface YamlText {
  readonly text: string
  readonly span: Span
}

export interface YamlOption {
  readonly name: YamlText
  /** A list, or one text; undefined: something else, which has been reported. */
  readonly value: YamlText | readonly YamlText[] | undefined
}

export interface YamlPool {
  readonly name: YamlText
  readonly options: readonly YamlOption[]
}

/** The pools in their order. What is wrong goes to `problems`; what has the wrong shape is left out. */
export function readYamlPools(source: Source, problems: Diagnostic[]): YamlPool[] {
  const document = parseDocument(source.text, { schema: 'failsafe', uniqueKeys: true, logLevel: 'silent' })
  for (const error of document.errors) {
    const span = { source, start: error.pos[0], end: Math.max(error.pos[1], error.pos[0] + 1) }
    problems.push(
      errorAt(span, error.code === 'DUPLICATE_KEY' ? 'duplicate-key' : 'bad-yaml', firstLine(error.message)),
    )
  }
  if (document.errors.length > 0) return []
  const root = document.contents
  if (!isMap(root) || root.items.length === 0) {
    problems.push(
      errorAt(spanOf(source, root), 'no-pools', 'the file holds no pools', 'write NAME: and its options below'),
    )
    return []
  }
  return root.items.flatMap((pair) => readPool(source, pair, problems) ?? [])
}

function readPool(source: Source, pair: unknown, problems: Diagnostic[]): YamlPool | undefined {
  if (!isPair(pair)) return undefined
  const name = readScalar(source, pair.key)
  const options = pair.value
  if (name === undefined || !isMap(options)) {
    const span = spanOf(source, pair.value ?? pair.key)
    problems.push(errorAt(span, 'bad-shape', 'a pool is a name and a mapping of options below it'))
    return undefined
  }
  return { name, options: options.items.flatMap((item) => readOption(source, item, problems) ?? []) }
}

function readOption(source: Source, pair: unknown, problems: Diagnostic[]): YamlOption | undefined {
  if (!isPair(pair)) return undefined
  const name = readScalar(source, pair.key)
  if (name === undefined) {
    problems.push(errorAt(spanOf(source, pair.key), 'bad-shape', 'the name of an option is a word'))
    return undefined
  }
  const value = readValue(source, pair.value)
  if (value === undefined) {
    const help = isMap(pair.value) ? 'quote braces: "{}"' : undefined
    const span = pair.value === null ? name.span : spanOf(source, pair.value)
    problems.push(errorAt(span, 'bad-shape', `the value of "${name.text}" is neither a text nor a list of texts`, help))
  }
  return { name, value }
}

function readValue(source: Source, node: unknown): YamlOption['value'] {
  if (!isSeq(node)) return readScalar(source, node)
  const items = node.items.map((item) => readScalar(source, item))
  return items.every((item) => item !== undefined) ? items : undefined
}

function readScalar(source: Source, node: unknown): YamlText | undefined {
  if (!isScalar(node)) return undefined
  const { value } = node as Scalar
  return typeof value === 'string' ? { text: value, span: spanOf(source, node) } : undefined
}

function spanOf(source: Source, node: unknown): Span {
  const range = (node as Node | null | undefined)?.range
  if (range === null || range === undefined) return { source, start: 0, end: 1 }
  return { source, start: range[0], end: Math.max(range[1], range[0] + 1) }
}

/** The library adds an excerpt of its own, and a capital. */
function firstLine(message: string): string {
  const line = message.split('\n', 1)[0]!.replace(/ at line \d+, column \d+:?$/, '')
  return line.charAt(0).toLowerCase() + line.slice(1)
}
