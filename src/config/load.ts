/**
 * From a file or a text to a Plan, with every problem found on the way. Pure but for the reading of files and variables
 * through `access`: no socket is opened, no name resolved, nothing written, and the same input gives the same result.
 */
import type { Plan } from '../plan/plan.ts'
import type { Document, Span } from './ast.ts'
import { checkAll, checkDoubtful } from './checks/all.ts'
import { readBlocks } from './checks/read-blocks.ts'
import type { CompiledSite } from './compile/site.ts'
import type { CompiledTest } from './compile/test.ts'
import { compile } from './compile.ts'
import type { Diagnostic } from './diagnostics.ts'
import type { FileAccess } from './file-access.ts'
import { readDocument } from './include.ts'
import type { Source } from './source.ts'

/** A path, or a text that stands in no file (a quick start, a test). */
export type ConfigEntry =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'text'; readonly name: string; readonly text: string }

export interface LoadedConfig {
  /** undefined when any diagnostic is an error. */
  readonly plan: Plan | undefined
  /** Errors and warnings, in the order of the text. */
  readonly diagnostics: readonly Diagnostic[]
  /** Every file read or looked for and every folder searched, absolute; also when the load failed. */
  readonly files: readonly string[]
  readonly document: Document
  /** The sites with why their routes stand in their order; for `explainRoutes`. */
  readonly sites: readonly CompiledSite[]
  /** What `simulate` holds the Plan against; not to be run without one. */
  readonly tests: readonly CompiledTest[]
}

export function loadConfig(entry: ConfigEntry, access: FileAccess): LoadedConfig {
  const read = readDocument(entry.kind === 'file' ? { path: entry.path } : textSource(entry), access)
  const found: Diagnostic[] = []
  const report = (diagnostic: Diagnostic): void => void found.push(diagnostic)
  const blocks = readBlocks(read.document, report)
  // What the parser skipped may hold what then seems unused or missing.
  const checked = { ...blocks, isIncomplete: blocks.isIncomplete || read.diagnostics.length > 0 }
  const compiled = compile(checked, read.files)
  if (read.document.sources.length > 0) checkAll(checked, compiled, report)
  const diagnostics = [...read.diagnostics.filter((one) => !isInside(one.span, blocks.skippedHeads)), ...found]
  const isLoaded = diagnostics.every((one) => one.severity !== 'error')
  if (isLoaded) checkDoubtful(checked, compiled, (warning) => diagnostics.push(warning))
  return {
    plan: isLoaded ? compiled.plan : undefined,
    diagnostics: inTextOrder(diagnostics, read.document),
    files: read.files,
    document: read.document,
    sites: compiled.sites,
    tests: compiled.tests,
  }
}

function textSource(entry: { readonly name: string; readonly text: string }): Source {
  return { name: entry.name, text: entry.text, includedFrom: [] }
}

function isInside(span: Span, heads: readonly Span[]): boolean {
  return heads.some((head) => head.source === span.source && span.start >= head.start && span.start < head.end)
}

/** By file in the order of reading, then by place. */
function inTextOrder(diagnostics: readonly Diagnostic[], document: Document): readonly Diagnostic[] {
  const rank = new Map(document.sources.map((source, index) => [source, index]))
  const rankOf = (diagnostic: Diagnostic): number => rank.get(diagnostic.span.source) ?? document.sources.length
  return [...diagnostics].sort((a, b) => rankOf(a) - rankOf(b) || a.span.start - b.span.start)
}
