/** The tags of a response: from the fields that carry them, and from the rule. And the tags that a purge names. */
import type { TagPlan } from '../../plan/plan.ts'
import { UNKNOWN_TAGS } from './labels.ts'

/** More tags, or more letters of tags, are not kept with one object. */
const MAX_TAGS = 128
const MAX_TAG_LETTERS = 16 * 1024

/** Lower-case names of the fields whose tags stand between blanks (`Surrogate-Key: a b`); in all others, between commas. */
const blankSeparated: ReadonlySet<string> = new Set(['surrogate-key', 'xkey'])

/** Fields in which a purge may name tags, in lower case. */
export const purgeTagFields: readonly string[] = ['surrogate-key', 'cache-tag', 'xkey']

/**
 * The tags to store with a response, each once; the rule's first. When there are too many the last of them is UNKNOWN_TAGS
 * in place of those that did not fit.
 */
export function responseTags(plan: TagPlan, linesOf: (name: string) => readonly string[]): readonly string[] {
  if (plan.fixed.length === 0 && plan.fields.every((name) => linesOf(name).length === 0)) return []
  const tags = new Set<string>()
  let letters = 0
  for (const tag of [...plan.fixed, ...plan.fields.flatMap((name) => fieldTags(name, linesOf(name)))]) {
    if (tags.has(tag)) continue
    letters += tag.length
    if (tags.size === MAX_TAGS || letters > MAX_TAG_LETTERS) return [...tags, UNKNOWN_TAGS]
    tags.add(tag)
  }
  return [...tags]
}

/** The tags in the lines of one field. */
export function fieldTags(name: string, lines: readonly string[]): string[] {
  const separator = blankSeparated.has(name) ? /[ \t]/ : ','
  return lines.flatMap((line) => line.split(separator).map((tag) => tag.trim())).filter((tag) => tag !== '')
}
