/**
 * Who takes away what a test started: the test itself when it ends, the file's last hook for what was started outside a
 * test, and the exit of the process for children that are still alive after that.
 */
import type { ChildProcess } from 'node:child_process'
import { after, getTestContext, type TestContext } from 'node:test'

const children = new Set<ChildProcess>()

process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

/** Run `release` when the current test ends, or, outside of any test, when the file ends. Latest first, errors fail the test. */
export function onTestEnd(release: () => void | Promise<void>): void {
  const context = currentTest()
  if (context) context.after(release)
  else after(release)
}

/** `report` is called when the current test ends without having passed. Outside of any test it is never called. */
export function onTestFailure(report: () => void): void {
  const context = currentTest()
  context?.after(() => {
    if (!context.passed) report()
  })
}

/** Kill `child` with the test process at the latest. */
export function guardChild(child: ChildProcess): void {
  children.add(child)
  child.once('exit', () => children.delete(child))
}

/** Send `signal`, after `graceMs` SIGKILL; comes back when the process is gone, at once when it already is. */
export async function stopChild(
  child: ChildProcess,
  signal: NodeJS.Signals = 'SIGTERM',
  graceMs = 5000,
): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill(signal)
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
  await gone
  clearTimeout(timer)
}

function currentTest(): TestContext | undefined {
  const context = getTestContext()
  return context && 'after' in context ? context : undefined
}
