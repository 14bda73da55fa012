/** What is wrong with files of certificates and keys. */
import type { Place } from '../plan/plan.ts'

/** Something of the machine that is not as the configuration wants it. */
export interface MaterialProblem {
  readonly severity: 'error' | 'warn'
  /** Whose it is. */
  readonly kind: 'listener' | 'backend'
  readonly name: string
  /** The file; undefined: a value of the configuration. */
  readonly file: string | undefined
  readonly place: Place
  /** `has expired on ...`: a sentence whose subject is the file. */
  readonly message: string
  /** What serves in its place: what was loaded before, or nothing. */
  readonly stays: boolean
}

/** A problem as one sentence: `/etc/shellac/shop.key (shellac.conf:7): its private key cannot be read`. */
export function problemText({ file, place, message }: MaterialProblem): string {
  return `${file ?? 'a value'} (${place.file}:${place.line}) ${message}`
}
