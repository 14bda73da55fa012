/**
 * A key as people may read it. What the operator's edits send to the origin is part of it where the key names the field or
 * the origin varies on it, and may be a secret that neither clients nor logs are to see.
 */
import type { HeaderEdit } from '../plan/plan.ts'
import { readableKey } from './vary.ts'

const SHOWN_SECRET = '[secret]'

/** The names, in lower case, of the fields to which edits give secret values. */
export function secretFields(edits: readonly HeaderEdit[]): string[] {
  const isSecret = ({ value }: HeaderEdit) => value.some((part) => part.kind === 'text' && part.secret)
  return edits.filter(isSecret).map(({ name }) => name.toLowerCase())
}

/** The key with no value of one of `fields`. */
export function shownKey(key: string, fields: readonly string[]): string {
  return fields.reduce(hideField, readableKey(key))
}

/** A value begins behind `name=` and ends at the next `|`, which no value holds (`key.ts`). */
function hideField(key: string, name: string): string {
  const start = `${name}=`
  return key
    .split('|')
    .map((part) => {
      const at = part.indexOf(start)
      return at === -1 ? part : `${part.slice(0, at)}${start}${SHOWN_SECRET}`
    })
    .join('|')
}
