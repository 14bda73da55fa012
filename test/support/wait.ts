/** Waiting with a deadline: a test that waits for what never comes fails with words, not by a hanging run. */
import { setTimeout as sleep } from 'node:timers/promises'

/** Longest wait unless a test says otherwise; generous, because two cores run many tests. */
export const DEADLINE_MS = 30_000

export class DeadlineError extends Error {
  constructor(what: string, deadlineMs: number) {
    super(`waited ${deadlineMs} ms in vain for ${what}`)
    this.name = 'DeadlineError'
  }
}

/** Ask `probe` every few milliseconds until it returns neither undefined nor false; gives what it returned. */
export async function waitFor<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  const end = Date.now() + deadlineMs
  for (;;) {
    const found = await probe()
    if (found !== undefined && found !== false) return found
    if (Date.now() > end) throw new DeadlineError(what, deadlineMs)
    await sleep(10)
  }
}

/** `promise`, or a DeadlineError when it has not settled in time. */
export async function within<T>(what: string, promise: Promise<T>, deadlineMs = DEADLINE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineError(what, deadlineMs)), deadlineMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
