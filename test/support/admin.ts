/** What a running daemon says of itself, asked on its admin socket without starting a process for it. */
import { askDaemon } from '../../src/admin/client.ts'
import type { AdminRequest } from '../../src/admin/protocol.ts'
import type { ObjectReport } from '../../src/daemon/object-report.ts'
import type { ReloadResult } from '../../src/daemon/reloader.ts'
import type { DaemonStats, DaemonStatus } from '../../src/daemon/status.ts'
import type { Daemon } from './daemon.ts'
import { DEADLINE_MS } from './wait.ts'

export async function statusOf(shellac: Daemon): Promise<DaemonStatus> {
  return (await ask(shellac, 'status')) as DaemonStatus
}

/** With the counts of routes. */
export async function statsOf(shellac: Daemon): Promise<DaemonStats> {
  return (await ask(shellac, 'stats', { routes: true })) as DaemonStats
}

/** Reloads and gives what came of it, good or bad. */
export async function reload(shellac: Daemon): Promise<ReloadResult> {
  return (await ask(shellac, 'reload')) as ReloadResult
}

/** What the cache holds under a key. */
export async function objectAt(shellac: Daemon, cache: string, key: string): Promise<ObjectReport> {
  return (await ask(shellac, 'object', { cache, key })) as ObjectReport
}

async function ask(shellac: Daemon, command: string, given: AdminRequest['arguments'] = {}): Promise<unknown> {
  const answer = await askDaemon(shellac.adminSocket, command, given, DEADLINE_MS)
  if (!answer.ok) throw new Error(`"${command}" failed: ${answer.error.message}`)
  return answer.result
}
