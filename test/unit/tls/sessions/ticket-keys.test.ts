import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { createTicketBoard, MAX_TICKET_KEYS, TicketBoard } from '../../../../src/tls/sessions/ticket-board.ts'
import { TICKET_KEY_BYTES } from '../../../../src/tls/sessions/ticket-key.ts'
import { TicketKeys } from '../../../../src/tls/sessions/ticket-keys.ts'
import { openTlsServer, shakeHands, versions } from './support.ts'

const newKey = (): Buffer => randomBytes(TICKET_KEY_BYTES)

class Tally {
  issuedCount = 0
  current = 0
  older = 0
  refusedCount = 0
  issued(): void {
    this.issuedCount++
  }
  accepted(isOlder: boolean): void {
    if (isOlder) this.older++
    else this.current++
  }
  refused(): void {
    this.refusedCount++
  }
}

function worker(shared: SharedArrayBuffer): { tally: Tally; keys: TicketKeys; adopt: TicketKeys['attach'] } {
  const tally = new Tally()
  const keys = new TicketKeys(shared, tally)
  return { tally, keys, adopt: (context) => keys.attach(context) }
}

for (const version of versions) {
  test(`${version}: workers resume each other's tickets, and follow a change of keys`, async (t) => {
    const shared = createTicketBoard()
    const board = new TicketBoard(shared)
    const [first, second] = [newKey(), newKey()]
    board.write([first], 0)
    const [a, b] = [worker(shared), worker(shared)]
    const [serverA, serverB] = [await openTlsServer(t, a), await openTlsServer(t, b)]

    const full = await shakeHands(serverA, version)
    assert.equal(full.kind, 'full')
    const resumed = await shakeHands(serverB, version, full.session)
    assert.equal(resumed.kind, 'resumed')
    assert.deepEqual([b.tally.current, b.tally.older, b.tally.refusedCount], [1, 0, 0])

    board.write([first, second], 1)
    const older = await shakeHands(serverA, version, full.session)
    assert.equal(older.kind, 'resumed', 'the older key is accepted')
    assert.equal(a.tally.older, 1)

    board.write([second], 0)
    assert.equal((await shakeHands(serverB, version, full.session)).kind, 'full', 'its time is over')
    assert.equal(b.tally.refusedCount, 1)
    assert.equal((await shakeHands(serverB, version, older.session)).kind, 'resumed', 'the client had got a new one')
  })

  test(`${version}: a ticket under a key that does not issue yet is accepted`, async (t) => {
    const keys = [newKey(), newKey()]
    const [ahead, behind] = [createTicketBoard(), createTicketBoard()]
    new TicketBoard(ahead).write(keys, 1)
    new TicketBoard(behind).write(keys, 0)
    const from = await openTlsServer(t, worker(ahead))
    const to = await openTlsServer(t, worker(behind))
    const { session } = await shakeHands(from, version)
    assert.equal((await shakeHands(to, version, session)).kind, 'resumed')
  })

  test(`${version}: without a key that issues there are no tickets, and connections work`, async (t) => {
    const shared = createTicketBoard()
    const server = await openTlsServer(t, worker(shared))
    const first = await shakeHands(server, version)
    assert.deepEqual([first.kind, first.given], ['full', 0])
    assert.equal((await shakeHands(server, version, first.session)).given, 0)
  })

  test(`${version}: whoever resumes gets a ticket to come back with`, async (t) => {
    const shared = createTicketBoard()
    new TicketBoard(shared).write([newKey()], 0)
    const { tally, adopt } = worker(shared)
    const server = await openTlsServer(t, { adopt })
    const { session } = await shakeHands(server, version)
    const { issuedCount } = tally
    await shakeHands(server, version, session)
    assert.equal(tally.issuedCount, issuedCount + 1)
  })
}

test('a ticket that was changed under way is a full handshake', async (t) => {
  const shared = createTicketBoard()
  new TicketBoard(shared).write([newKey()], 0)
  const { adopt, tally } = worker(shared)
  const server = await openTlsServer(t, { adopt })
  const { session } = await shakeHands(server, 'TLSv1.2')
  assert.ok(session !== undefined)
  // The session of a client holds its ticket, whose last bytes are the authenticator.
  const name = new TicketBoard(shared).read()!.keys[0]!.subarray(0, 16)
  const changed = Buffer.from(session)
  const at = changed.indexOf(name) + 40
  changed[at]! ^= 1
  assert.equal((await shakeHands(server, 'TLSv1.2', changed)).kind, 'full')
  assert.equal(tally.current, 1, 'the key is known, what it opened is not used')
})

test('more tickets than random numbers were made at once', async (t) => {
  const shared = createTicketBoard()
  new TicketBoard(shared).write([newKey()], 0)
  const { adopt } = worker(shared)
  const server = await openTlsServer(t, { adopt })
  const sessions = []
  for (let i = 0; i < 70; i++) sessions.push((await shakeHands(server, 'TLSv1.3')).session!)
  const name = new TicketBoard(shared).read()!.keys[0]!.subarray(0, 16)
  const ivs = sessions.map((session) => {
    const at = session.indexOf(name) + 16
    return session.toString('hex', at, at + 16)
  })
  assert.equal(new Set(ivs).size, ivs.length)
})

test('a board holds the most keys, wipes what it loses, and takes no more', () => {
  const shared = createTicketBoard()
  const board = new TicketBoard(shared)
  const keys = Array.from({ length: MAX_TICKET_KEYS }, newKey)
  board.write(keys, 3)
  const { sequence } = board
  assert.deepEqual(board.read(), { sequence, keys, issuing: 3 })
  board.write([keys[0]!], -1)
  assert.notEqual(board.sequence, sequence)
  assert.equal(Buffer.from(shared).indexOf(keys[1]!), -1)
  assert.throws(() => board.write([...keys, newKey()], 0), /room/)
})
