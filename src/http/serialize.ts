/** The fields of a head that go on, as wire text. */
import type { FieldList } from './field-list.ts'

/**
 * The lines ("Name: value" CR LF) of all fields whose id is not set in `skip` and whose name is no Connection option, as
 * they came. Fields that stay together are one slice: usually the head minus two or three lines, in as many slices.
 *
 * `connectionOptions` are lower-case names, or undefined (`MessageHead.connectionOptions`).
 */
export function appendForwardableFields(
  head: FieldList,
  skip: Uint8Array,
  connectionOptions: readonly string[] | undefined,
): string {
  const count = head.count
  let lines = ''
  let runStart = -1
  for (let i = 0; i < count; i++) {
    const dropped =
      skip[head.id(i)] === 1 || (connectionOptions !== undefined && isNamedByOption(head, i, connectionOptions))
    if (dropped) {
      if (runStart !== -1) lines += head.text.slice(runStart, head.nameStart(i))
      runStart = -1
    } else if (runStart === -1) runStart = head.nameStart(i)
  }
  // The text ends with the blank line, which is not a field.
  return runStart === -1 ? lines : lines + head.text.slice(runStart, head.text.length - 2)
}

function isNamedByOption(head: FieldList, i: number, connectionOptions: readonly string[]): boolean {
  for (const option of connectionOptions) if (head.isNamed(i, option)) return true
  return false
}
