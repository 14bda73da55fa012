/** What the errors of a socket mean to those who wait for an answer: codes are mapped, never messages. */
import { Failure, type FailureCode } from './failure.ts'

/** What this machine lacks. */
const localShortages: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS', 'EADDRNOTAVAIL'])

const codes: ReadonlyMap<string, FailureCode> = new Map(
  Object.entries({
    ECONNREFUSED: Failure.refused,
    // A unix socket that is not there, or not ours: nobody listens, as far as we are concerned.
    ENOENT: Failure.refused,
    EACCES: Failure.refused,
    EPERM: Failure.refused,
    ECONNRESET: Failure.reset,
    ECONNABORTED: Failure.reset,
    EPIPE: Failure.brokenPipe,
    ETIMEDOUT: Failure.timedOut,
    EHOSTUNREACH: Failure.noRoute,
    ENETUNREACH: Failure.unreachable,
    ENETDOWN: Failure.unreachable,
    EHOSTDOWN: Failure.unresolved,
    ENOTFOUND: Failure.unresolved,
    EAI_AGAIN: Failure.unresolved,
    EAI_FAIL: Failure.unresolved,
    ENODATA: Failure.unresolved,
  }),
)

/** The failure that an error of a socket is. A host with several addresses fails with an AggregateError of theirs. */
export function socketFailure(error: NodeJS.ErrnoException): FailureCode {
  const code = errorCode(error)
  return localShortages.has(code) ? Failure.backlog : (codes.get(code) ?? Failure.reset)
}

/** Whether this machine lacks something: avoiding the server for it would turn a shortage into an outage. */
export function isLocalShortage(error: NodeJS.ErrnoException): boolean {
  return localShortages.has(errorCode(error))
}

function errorCode(error: NodeJS.ErrnoException): string {
  if (error.code !== undefined) return error.code
  const first = error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException | undefined) : undefined
  return first?.code ?? ''
}
