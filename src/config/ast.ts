/**
 * The syntax tree of a configuration: statements with the exact place of every part. It knows no directive and no meaning;
 * `include` statements have been replaced by the statements of the files they name.
 */
import type { Source } from './source.ts'

/** Offsets are 0-based UTF-16 units into `source.text`, `end` exclusive. */
export interface Span {
  readonly source: Source
  readonly start: number
  readonly end: number
}

/** `name argument* ( ";" | "{" statement* "}" )` */
export interface Statement {
  readonly name: Word
  readonly arguments: readonly Argument[]
  /** undefined: the statement ended with `;`. */
  readonly block: readonly Statement[] | undefined
  /** From the name to the `;` or `}`. */
  readonly span: Span
  /** True when a syntax error inside was skipped: checks of completeness (missing, unused) should then stay silent. */
  readonly damaged: boolean
}

export interface Word {
  readonly text: string
  readonly span: Span
}

/**
 * One argument, always exactly one token. `text` is its value: quotes and escapes resolved, substitutions filled in.
 * `bare` is an unquoted word (a number, a duration, a path, a name ...), `quoted` a `"string"`, `regex` a `~"..."`.
 */
export interface Argument {
  readonly kind: 'bare' | 'quoted' | 'regex'
  readonly text: string
  /** It came from `${file:}` or `${cred:}`: never print `text`. */
  readonly secret: boolean
  /** It is a `${...}` token, or holds one. */
  readonly substituted: boolean
  /** The parts of `text` that substitutions produced, in order, never read as anything but text; absent: none. */
  readonly produced?: readonly ProducedText[]
  readonly span: Span
}

/** Offsets are into the argument's `text`. */
export interface ProducedText {
  readonly start: number
  readonly end: number
  readonly secret: boolean
}

export interface Document {
  readonly statements: readonly Statement[]
  readonly sources: readonly Source[]
}
