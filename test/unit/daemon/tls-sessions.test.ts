/** The main thread's part of sessions: keys on the board in time, kept over reloads, and what is said of them. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SharedStateFactory } from '../../../src/daemon/shared-state.ts'
import { TlsSessionsKeepers } from '../../../src/daemon/tls-sessions.ts'
import { PoolSet } from '../../../src/memcached/pool-set.ts'
import { MAIN_THREAD } from '../../../src/memcached/pool-state.ts'
import type { Plan } from '../../../src/plan/plan.ts'
import { OWN_SESSIONS, type TlsSessionsPlan } from '../../../src/plan/tls-sessions-plan.ts'
import type { SharedState } from '../../../src/proxy/runtime.ts'
import { type BoardKeys, TicketBoard } from '../../../src/tls/sessions/ticket-board.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { waitFor } from '../../support/wait.ts'
import { makePlan } from './fixture/plans.ts'

const HOUR_MS = 3_600_000

function makeSessions(name: string, changes: Partial<TlsSessionsPlan> = {}): TlsSessionsPlan {
  return {
    name,
    mode: 'tickets',
    ttlMs: HOUR_MS,
    seals: [],
    tickets: { pool: undefined, rotateMs: HOUR_MS, accept: 2 },
    ids: undefined,
    place: { file: 'shellac.conf', line: 1, column: 1 },
    ...changes,
  }
}

interface Line {
  readonly level: string
  readonly message: string
  readonly fields: object
}

class Main {
  readonly lines: Line[] = []
  readonly keepers = new TlsSessionsKeepers((level, message, fields) => this.lines.push({ level, message, fields }))
  readonly #states = new SharedStateFactory(1)
  live: { plan: Plan; shared: SharedState } | undefined = undefined

  constructor() {
    onTestEnd(() => this.keepers.close())
  }

  /** `end`: how the reload goes on. */
  async load(sessions: readonly TlsSessionsPlan[], end: 'commit' | 'rollback' = 'commit'): Promise<void> {
    const plan = makePlan({ tlsSessions: sessions })
    const shared = this.#states.build(plan, this.live)
    const context = { worker: MAIN_THREAD, log() {}, onFault: (error: unknown) => assert.fail(String(error)) }
    const prepared = await this.keepers.prepare({ plan, shared }, new PoolSet([], shared.pools, context, undefined))
    prepared[end]()
    if (end === 'commit') this.live = { plan, shared }
  }

  board(name: string): BoardKeys {
    return new TicketBoard(this.live!.shared.tlsSessions.get(name)!.value.board).read()!
  }
}

describe('the keys of a machine', () => {
  test('are on the board before anybody listens', async () => {
    const main = new Main()
    await main.load([makeSessions(OWN_SESSIONS), makeSessions('more')])
    const boards = [OWN_SESSIONS, 'more'].map((name) => main.board(name))
    for (const { keys, issuing } of boards) assert.deepEqual([keys.length, issuing], [2, 0])
    assert.notDeepEqual(boards[0]!.keys[0], boards[1]!.keys[0], 'each block has its own')
  })

  test('change in their time', async () => {
    const main = new Main()
    await main.load([makeSessions('quick', { tickets: { pool: undefined, rotateMs: 200, accept: 3 } })])
    const first = main.board('quick')
    const later = await waitFor('another key', () => {
      const { keys, issuing } = main.board('quick')
      return keys[issuing]!.equals(first.keys[0]!) ? undefined : { keys, issuing }
    })
    assert.ok(
      later.keys.some((key) => key.equals(first.keys[0]!)),
      'the one before is accepted',
    )
  })

  test('stay the same in a reload, also with other periods', async () => {
    const main = new Main()
    await main.load([makeSessions('edge')])
    const before = main.board('edge')
    await main.load([makeSessions('edge', { ttlMs: 1 })])
    assert.deepEqual(main.board('edge'), before)
    await main.load([makeSessions('edge', { tickets: { pool: undefined, rotateMs: 2 * HOUR_MS, accept: 1 } })])
    const { keys, issuing } = main.board('edge')
    assert.deepEqual(keys[issuing], before.keys[before.issuing])
  })

  test('are what they were when a reload fails', async () => {
    const main = new Main()
    await main.load([makeSessions('edge')])
    const before = main.board('edge')
    await main.load(
      [makeSessions('edge', { tickets: { pool: undefined, rotateMs: 2 * HOUR_MS, accept: 1 } }), makeSessions('new')],
      'rollback',
    )
    assert.deepEqual(main.board('edge'), before)
    assert.equal(main.keepers.status(main.live!).length, 1)
  })

  test('are none in mode ids', async () => {
    const main = new Main()
    const store = { kind: 'distcache', servers: [{ kind: 'unix', path: '/nowhere', mode: 0 }] } as const
    await main.load([makeSessions('edge', { mode: 'ids', ids: { store, waitMs: 1, serve: undefined } })])
    assert.deepEqual(main.board('edge').keys, [])
    const [status] = main.keepers.status(main.live!)
    assert.equal(status?.tickets, null)
  })
})

test('session servers that are asked without encryption are told of, once', async () => {
  const main = new Main()
  const servers = [
    { kind: 'tcp', host: '127.0.0.1', port: 9001 },
    { kind: 'tcp', host: '10.0.0.9', port: 9001 },
    { kind: 'unix', path: '/run/dc.sock', mode: 0 },
  ] as const
  const ids = { store: { kind: 'distcache', servers }, waitMs: 1, serve: undefined } as const
  await main.load([makeSessions('edge', { mode: 'ids', ids })])
  await main.load([makeSessions('edge', { mode: 'ids', ids, ttlMs: 5 })])
  assert.deepEqual(
    main.lines.map(({ level, fields }) => [level, 'server' in fields ? fields.server : undefined]),
    [['warn', '10.0.0.9:9001']],
  )
})
