/** What a piece of work costs, for tests that something bad takes no long time: their bounds hold on a busy machine too. */

/** CPU time of this thread, in milliseconds, that `work` takes until it returns. Waiting costs nothing, nor do others. */
export function cpuMsOf(work: () => void): number {
  const before = process.threadCpuUsage()
  work()
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1000
}
