/** Invariants that stay in production: a broken one ends the request or the connection that met it, not the process. */

/** Thrown where the program, not its input, is wrong. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

/** Throws an AssertionError unless `condition` holds; `message` says what should have been true. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

/** The end of a switch over a union: a type error when a case is missing, an AssertionError if data lies about its type. */
export function unreachable(value: never): never {
  throw new AssertionError(`unexpected value ${JSON.stringify(value)}`)
}
