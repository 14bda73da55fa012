/**
 * Regular expressions that meet text from strangers.
 *
 * The language of shellac.conf has no look-around and no back reference, and refuses nested quantifiers, but what is
 * left can still backtrack polynomially: `a.*b.*c.*d$` takes minutes on a path of some thousand letters. V8 has a second
 * engine that does not backtrack; the flag below makes it step in when an expression has backtracked 50,000 times.
 * Expressions that behave never notice.
 *
 * XXX: the second engine is slow. The worst expressions known still cost 0.25 s on 8,000 letters, a lone `.*x$` (which V8
 * does not count as backtracking) 30 ms. And V8 calls it experimental: a test holds every new Node to this.
 */
import { setFlagsFromString } from 'node:v8'

setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks')

/** Throws a SyntaxError when `source` is no regular expression; the checker of the configuration has seen to that. */
export function compileRegex(source: string): RegExp {
  return new RegExp(source)
}
