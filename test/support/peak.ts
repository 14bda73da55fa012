/** The most memory a process has held while something ran. */
import { rssBytes } from './proc.ts'

const LOOK_EVERY_MS = 20

/** Growth of the resident set of `pid` while `work` runs, at its peak, bytes. */
export async function peakGrowth(pid: number, work: () => Promise<unknown>): Promise<number> {
  const before = rssBytes(pid)
  let peak = before
  const look = () => {
    peak = Math.max(peak, rssBytes(pid))
  }
  const timer = setInterval(look, LOOK_EVERY_MS)
  try {
    await work()
  } finally {
    clearInterval(timer)
  }
  look()
  return peak - before
}
