/** Sessions of TLS as a person reads them: how many handshakes resumed one, and how it stands with the keys of tickets. */
import type { TlsSessionsStatus } from '../daemon/tls-sessions.ts'
import { percentText, table } from './columns.ts'

/** Empty where no listener speaks TLS. */
export function sessionsTables(all: readonly TlsSessionsStatus[]): string[] {
  if (all.length === 0) return []
  const rows = all.map(({ name, mode, listeners, counters, resumedRatio, lookupMs }) => [
    name ?? OWN,
    mode,
    listeners.join(' ') || '-',
    counters.full,
    counters.resumed,
    resumedRatio === null ? '-' : percentText(resumedRatio),
    `${counters.found}/${counters.missed}/${counters.late + counters.failed}`,
    counters.found + counters.missed === 0 ? '-' : `${lookupMs.p50.toFixed(2)} ${lookupMs.p99.toFixed(2)} ms`,
  ])
  const heads = ['tls-sessions', 'mode', 'listeners', 'full', 'resumed', 'ratio', 'ids found/missed/failed', 'p50 p99']
  return ['', ...table(heads, rows), ...keyTables(all)]
}

const OWN = '(of this machine)'

function keyTables(all: readonly TlsSessionsStatus[]): string[] {
  const rows = all.flatMap(({ name, tickets }) =>
    (tickets?.keys ?? []).map((key) => [name ?? OWN, key.id, key.state, key.from]),
  )
  if (rows.length === 0) return all.flatMap(placeLine)
  return ['', ...table(['tls-sessions', 'ticket key', 'state', 'from'], rows), ...all.flatMap(placeLine)]
}

/** What keeps the keys of a fleet from being the same everywhere. */
function placeLine({ name, tickets }: TlsSessionsStatus): string[] {
  if (tickets === null || tickets.pool === null || tickets.reach === 'shared') return []
  const what = tickets.reach === 'foreign' ? 'holds what others have sealed' : 'does not answer'
  const lone = tickets.isLone ? '; no other machine knows the key that issues' : ''
  return [`NOT SHARED: pool ${tickets.pool} of ${name ?? OWN} ${what}${lone}`]
}
