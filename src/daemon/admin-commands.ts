/** The commands of the admin socket, version 1. Later ones join this table. */
import type { AdminCommand } from '../admin/commands.ts'
import { AdminFailure, type AdminRequest } from '../admin/protocol.ts'
import type { KeyOwner } from '../memcached/key-owner.ts'
import type { PoolFacts } from '../memcached/pool-facts.ts'
import type { ObjectReport } from './object-report.ts'
import type { DrainResult } from './pool-commands.ts'
import type { PurgeResult } from './purge-command.ts'
import type { ReloadPreview, ReloadResult } from './reloader.ts'
import type { DaemonStats, DaemonStatus } from './status.ts'

export interface AdminActions {
  readonly status: () => Promise<DaemonStatus>
  /** `withRoutes`: also `DaemonStats.routes`. */
  readonly stats: (withRoutes: boolean) => DaemonStats
  /** Undefined: the daemon did not come to serve. */
  readonly reload: () => Promise<ReloadResult | undefined>
  /** Undefined: as above. */
  readonly diff: () => Promise<ReloadPreview | undefined>
  /** Rejects with an AdminFailure when `given` makes no sense or cannot be done; undefined: as above. */
  readonly purge: (given: AdminRequest['arguments']) => Promise<PurgeResult | undefined>
  readonly reopenLogs: () => Promise<void>
  /** Rejects with an AdminFailure when `given` names no object or no cache. */
  readonly object: (given: AdminRequest['arguments']) => Promise<ObjectReport>
  /** Rejects with an AdminFailure when `given` names no pool. */
  readonly pools: (given: AdminRequest['arguments']) => readonly PoolFacts[]
  /** The same. */
  readonly poolRing: (given: AdminRequest['arguments']) => readonly KeyOwner[]
  /** The same, also for a server; undefined: as above. */
  readonly poolDrain: (given: AdminRequest['arguments']) => Promise<DrainResult | undefined>
  /** Begins to stop; the answer to the command still goes out. */
  readonly stop: () => void
}

export function adminCommands(actions: AdminActions): AdminCommand[] {
  return [
    { name: 'status', doc: 'the state of the daemon: DaemonStatus', run: () => actions.status() },
    {
      name: 'stats',
      doc: 'the counters: DaemonStats; with "routes": true those of each route too',
      run: (given) => actions.stats(given.routes === true),
    },
    {
      name: 'reload',
      doc: 'read the configuration anew; answers with a ReloadResult, also when it was refused',
      run: () => actions.reload(),
    },
    {
      name: 'diff',
      doc: 'read the configuration anew and change nothing; answers with a ReloadPreview',
      run: () => actions.diff(),
    },
    {
      name: 'purge',
      doc: 'make stored responses stale, or remove them: PurgeArguments; answers with a PurgeResult',
      run: (given) => actions.purge(given),
    },
    {
      name: 'reopen-logs',
      doc: 'open the log files by their names again',
      run: () => actions.reopenLogs(),
    },
    {
      name: 'object',
      doc: 'what a cache holds under a key: "cache" and "key"; answers with an ObjectReport',
      run: (given) => actions.object(given),
    },
    {
      name: 'pools',
      doc: 'memcached pools, or the one named by "pool": a list of PoolFacts',
      run: (given) => actions.pools(given),
    },
    {
      name: 'pool-ring',
      doc: 'which servers own keys: RingArguments; answers with a list of KeyOwner',
      run: (given) => actions.poolRing(given),
    },
    {
      name: 'pool-drain',
      doc: 'give a server no more keys, or its own again: DrainArguments; answers with a DrainResult',
      run: (given) => actions.poolDrain(given),
    },
    {
      name: 'stop',
      doc: 'answer what is in flight, then end; "drain" is no argument: the configuration has the deadline',
      run: (given) => {
        if (Object.keys(given).length > 0) throw new AdminFailure('bad-request', '"stop" has no arguments')
        actions.stop()
        return {}
      },
    },
  ]
}
