/** Near misses: what the operator may have meant by a word that is not known. */

/** Longer words are not compared: no name of the language or of a sane object is so long. */
const MAX_LENGTH = 64
const MAX_SUGGESTIONS = 3

/**
 * The candidates close to `word`, nearest first, at most three; compared without regard to case and to `_` for `-`.
 * Close is a third of the word's letters, but at least one.
 */
export function suggest(word: string, candidates: Iterable<string>): string[] {
  if (word.length > MAX_LENGTH) return []
  const wanted = fold(word)
  const limit = Math.max(1, Math.floor(wanted.length / 3))
  const near: { readonly candidate: string; readonly distance: number }[] = []
  for (const candidate of new Set(candidates)) {
    if (candidate === word || Math.abs(candidate.length - word.length) > limit) continue
    const distance = editDistance(wanted, fold(candidate))
    if (distance <= limit) near.push({ candidate, distance })
  }
  near.sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
  return near.slice(0, MAX_SUGGESTIONS).map(({ candidate }) => candidate)
}

/** `did you mean "a" or "b"?`; undefined without words. */
export function didYouMean(words: readonly string[]): string | undefined {
  const quoted = words.map((word) => `"${word}"`)
  const last = quoted.pop()
  if (last === undefined) return undefined
  return quoted.length === 0 ? `did you mean ${last}?` : `did you mean ${quoted.join(', ')} or ${last}?`
}

function fold(word: string): string {
  return word.toLowerCase().replaceAll('_', '-')
}

/**
 * How many letters must be put in, taken out, replaced or swapped with their neighbour to make `b` of `a`
 * (Damerau and Levenshtein, optimal string alignment). Three rows of the table are kept.
 */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1]
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (isSame ? 0 : 1))
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (isSwap) cost = Math.min(cost, beforeLast[j - 2]! + 1)
      row.push(cost)
    }
    beforeLast = last
    last = row
  }
  return last[b.length]!
}
