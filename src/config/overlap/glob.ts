/** Path globs as automata: `**` is any run of letters, `*` any run without `/`, everything else itself. */
import { type Fragment, type Nfa, pathLetters, segmentLetters } from './nfa.ts'

export function globFragment(nfa: Nfa, pattern: string): Fragment {
  const parts: Fragment[] = []
  for (let at = 0; at < pattern.length; at++) {
    if (pattern[at] !== '*') {
      const code = pattern.charCodeAt(at)
      parts.push(nfa.letter([[code, code]]))
    } else if (pattern[at + 1] === '*') {
      parts.push(nfa.repeat(nfa.letter(pathLetters)))
      at++
    } else {
      parts.push(nfa.repeat(nfa.letter(segmentLetters)))
    }
  }
  return nfa.sequence(parts)
}
