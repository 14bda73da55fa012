/**
 * How a fetch failed, as the one number that those who wait for it, in any worker, find in its fill (`FillReader.cause`):
 * the status they answer with, and whether the origin gave an answer at all.
 */

/** Added to the status of a fetch that got no answer. */
const UNANSWERED = 1000

export function unansweredCause(status: number): number {
  return UNANSWERED + status
}

export function isUnanswered(cause: number): boolean {
  return cause >= UNANSWERED
}

/** 502 where the cause is not known (0). */
export function statusOfCause(cause: number): number {
  const status = cause % UNANSWERED
  return status === 0 ? 502 : status
}
