import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encodeLog, lastOf } from '../../../../src/cache/purge/fleet-log.ts'
import type { PurgeOrder } from '../../../../src/cache/purge/order.ts'
import { FakeServer, Node } from './support/fleet.ts'

const page = { url: 'a|/x', tags: ['news'] }
const other = { url: 'a|/y', tags: [] }
const [UNTOUCHED, STALE, GONE] = [0, 1, 2]

function order(scope: PurgeOrder['scope'], isHard: boolean, ...targets: string[]): PurgeOrder {
  return { scope, isHard, targets }
}

async function fleet(count: number): Promise<{ server: FakeServer; nodes: Node[] }> {
  const server = new FakeServer()
  const nodes = Array.from({ length: count }, () => new Node(server))
  for (const node of nodes) assert.ok(await node.member.turn())
  return { server, nodes }
}

describe('a purge of one node', () => {
  const scopes: [PurgeOrder['scope'], string[]][] = [
    ['url', ['a|/x']],
    ['tag', ['news']],
    ['prefix', ['/x']],
    ['glob', ['/*']],
    ['all', []],
  ]
  for (const [scope, targets] of scopes) {
    for (const isHard of [false, true]) {
      test(`by ${scope}, ${isHard ? 'hard' : 'soft'}, reaches memory and pool of every other`, async () => {
        const { nodes } = await fleet(3)
        const [one, two, three] = nodes as [Node, Node, Node]
        const number = one.numbers.current()
        const since = two.worker.last
        one.purge(order(scope, isHard, ...targets))
        assert.equal(one.judge(number, page), isHard ? GONE : STALE, 'where it was given, at once')
        for (const node of nodes) assert.ok(await node.member.turn())
        for (const node of nodes) {
          assert.equal(node.judge(number, page), isHard ? GONE : STALE)
          assert.equal(node.judge(node.numbers.current(), page), UNTOUCHED, 'fetched since')
          if (scope === 'url' || scope === 'tag') assert.equal(node.judge(number, other), UNTOUCHED)
        }
        assert.equal(two.verdict(since, page), isHard ? GONE : STALE)
        assert.deepEqual([three.member.stats().applied, three.gaps], [1, []])
      })
    }
  }

  test('does not hit what this node has fetched since', async () => {
    const { nodes } = await fleet(1)
    const [one] = nodes as [Node]
    one.purge(order('tag', true, 'news'))
    const since = one.worker.last
    await one.member.turn()
    assert.equal(one.verdict(since, page), UNTOUCHED)
    assert.equal(one.member.stats().applied, 0)
  })

  test('is not left out by a row that is made while it is on its way', async () => {
    const { nodes } = await fleet(2)
    const [one, two] = nodes as [Node, Node]
    two.purge(order('tag', false, 'else'))
    await two.member.turn()
    const number = two.numbers.current()
    one.purge(order('tag', true, 'news'))
    // One's turn makes the row of two's purge first, then that of its own.
    await one.member.turn()
    assert.ok(one.numbers.current() > number)
    assert.equal(one.judge(number, page), GONE)
  })

  test('tells when it is published, also when the reply to that is lost', async () => {
    const { server, nodes } = await fleet(2)
    const [one, two] = nodes as [Node, Node]
    let published = 0
    one.purge(order('url', true, 'a|/x'), () => published++)
    let steps = 0
    server.gate = async () => (++steps === 2 ? 'lost-reply' : 'well')
    assert.equal(await one.member.turn(), false)
    assert.deepEqual([published, one.member.stats().pending, one.member.stats().failures], [0, 1, 1])
    assert.ok(await one.member.turn())
    assert.deepEqual([published, one.member.stats().pending], [1, 0])
    assert.equal(server.log.orders.length, 1, 'it is there once')
    await two.member.turn()
    assert.equal(two.judge(lastOf(server.log) - 1, page), GONE)
  })

  test('that repeats one which waits before it is published with it, and hits nothing twice either', async () => {
    const { server, nodes } = await fleet(2)
    const [one, two] = nodes as [Node, Node]
    const number = two.numbers.current()
    let published = 0
    for (let n = 0; n < 3; n++) one.purge(order('url', true, 'a|/x'), () => published++)
    const since = one.worker.last
    assert.ok(await one.member.turn())
    assert.deepEqual([published, one.member.stats().pending, server.log.orders.length], [3, 0, 1])
    assert.deepEqual([one.verdict(since, page), one.judge(one.numbers.current(), page)], [UNTOUCHED, UNTOUCHED])
    assert.ok(await two.member.turn())
    assert.deepEqual([two.judge(number, page), two.member.stats().applied], [GONE, 1])
    assert.equal(two.numbers.current(), one.numbers.current())
  })

  test('given again and again leaves room in the log for others', async () => {
    const server = new FakeServer(2000)
    const [one, two] = [new Node(server), new Node(server)]
    for (const node of [one, two]) await node.member.turn()
    const number = two.numbers.current()
    for (let n = 0; n < 200; n++) {
      one.purge(order('tag', n % 2 === 0, 'news'))
      await one.member.turn()
    }
    const late = new Node(server)
    for (const node of [two, late]) assert.ok(await node.member.turn())
    for (const node of [two, late]) {
      assert.deepEqual([node.gaps, node.judge(number, page), node.judge(number, other)], [[], GONE, UNTOUCHED])
    }
  })

  test('waits while the log is out of reach, and is published when it is back', async () => {
    const { server, nodes } = await fleet(2)
    const [one, two] = nodes as [Node, Node]
    const number = two.numbers.current()
    server.gate = async () => 'down'
    one.purge(order('url', true, 'a|/x'))
    for (let n = 0; n < 3; n++) assert.equal(await one.member.turn(), false)
    await two.member.turn()
    assert.equal(two.judge(number, page), UNTOUCHED, 'what is known is kept')
    server.gate = async () => 'well'
    for (const node of nodes) assert.ok(await node.member.turn())
    assert.equal(two.judge(number, page), GONE)
    assert.deepEqual([one.gaps, two.gaps], [[], []])
  })

  test('is published although others write at the same time', async () => {
    const { server, nodes } = await fleet(5)
    nodes.forEach((node, n) => {
      node.purge(order('url', true, `a|/${n}`))
    })
    await Promise.all(nodes.map((node) => node.member.turn()))
    for (const node of nodes) assert.ok(await node.member.turn())
    assert.equal(server.log.orders.length, 5)
    for (const node of nodes) assert.deepEqual([node.member.stats().applied, node.gaps], [4, []])
  })
})

describe('a lost log', () => {
  const losses: [string, (server: FakeServer) => void, string][] = [
    [
      'evicted',
      (server) => {
        server.item = undefined
      },
      'log lost',
    ],
    ['overwritten with something else', (server) => server.put(Buffer.from('hello')), 'log lost'],
    ['of lower numbers', (server) => server.put(encodeLog({ base: 5, orders: [] })), 'log went back'],
    ['begun anew', (server) => server.put(encodeLog({ base: 2 ** 51, orders: [] })), 'orders lost'],
  ]
  for (const [what, lose, reason] of losses) {
    test(`${what}: nothing from before it is fresh on any node, and all of them go on`, async () => {
      const { server, nodes } = await fleet(3)
      const [one, two] = nodes as [Node, Node]
      one.purge(order('url', true, 'a|/x'))
      await one.member.turn()
      const numbers = nodes.map((node) => node.numbers.current())
      const since = two.worker.last
      lose(server)
      for (const node of nodes) assert.ok(await node.member.turn())
      assert.deepEqual([one.gaps, two.gaps], [[reason], [reason === 'log went back' ? 'orders lost' : two.gaps[0]]])
      assert.equal(two.gaps.length, 1)
      for (const node of nodes) for (const number of numbers) assert.equal(node.judge(number, other), GONE)
      assert.equal(two.verdict(since, other), GONE)
      const number = two.numbers.current()
      assert.equal(one.judge(number, page), UNTOUCHED)
      two.purge(order('url', false, 'a|/x'))
      for (const node of [two, one]) assert.ok(await node.member.turn())
      assert.equal(one.judge(number, page), STALE)
      assert.deepEqual([one.gaps.length, two.gaps.length], [1, 1])
    })
  }

  test('more purges between two looks than it holds are a gap', async () => {
    const server = new FakeServer(2000)
    const [one, two] = [new Node(server), new Node(server)]
    for (const node of [one, two]) await node.member.turn()
    const number = two.numbers.current()
    for (let n = 0; n < 100; n++) {
      one.purge(order('url', false, `a|/${n}`))
      await one.member.turn()
    }
    assert.ok(await two.member.turn())
    assert.deepEqual([one.gaps, two.gaps], [[], ['orders lost']])
    assert.deepEqual([one.judge(number, other), two.judge(number, other)], [UNTOUCHED, GONE])
    assert.equal(two.numbers.current(), one.numbers.current())
  })

  test('that cannot be begun anew is one gap, however often it is looked for', async () => {
    const { server, nodes } = await fleet(1)
    const [one] = nodes as [Node]
    server.item = undefined
    let step = 0
    server.gate = async () => (step++ % 2 === 0 ? 'well' : 'down')
    for (let n = 0; n < 3; n++) assert.equal(await one.member.turn(), false)
    assert.deepEqual(one.gaps, ['log lost'])
  })
})

describe('a node that starts', () => {
  test('judges objects from before its start by what the log still holds', async () => {
    const { server, nodes } = await fleet(1)
    const [one] = nodes as [Node]
    const before = one.numbers.current()
    one.purge(order('url', true, 'a|/x'))
    await one.member.turn()
    const after = one.numbers.current()
    const two = new Node(server)
    assert.equal(two.judge(before, page), GONE, 'it knows nothing yet')
    assert.equal(two.judge(before, other), GONE)
    await two.member.turn()
    assert.deepEqual([two.judge(before, page), two.judge(before, other)], [GONE, UNTOUCHED])
    assert.deepEqual([two.judge(after, page), two.judge(after, other)], [UNTOUCHED, UNTOUCHED])
    assert.deepEqual(two.gaps, [])
  })

  test('while the log is out of reach purges what it has stored meanwhile when it finds it', async () => {
    const server = new FakeServer()
    const one = new Node(server)
    server.gate = async () => 'down'
    assert.equal(await one.member.turn(), false)
    const since = one.worker.last
    server.gate = async () => 'well'
    assert.ok(await one.member.turn())
    assert.deepEqual([one.gaps, one.verdict(since, other)], [['log found late'], GONE])
  })

  test('takes what is older than the log for purged', async () => {
    const server = new FakeServer(2000)
    const one = new Node(server)
    await one.member.turn()
    const before = one.numbers.current()
    for (let n = 0; n < 100; n++) {
      one.purge(order('url', false, `a|/${n}`))
      await one.member.turn()
    }
    const two = new Node(server)
    await two.member.turn()
    assert.deepEqual([one.judge(before, other), two.judge(before, other)], [UNTOUCHED, GONE])
    assert.equal(two.judge(one.numbers.current(), other), UNTOUCHED)
  })

  test('takes numbers that no log can have come to for purged', async () => {
    const { nodes } = await fleet(1)
    const [one] = nodes as [Node]
    const now = one.numbers.current()
    const strange = [0, -1, Number.NaN, 1, now + 5000, Number.POSITIVE_INFINITY]
    for (const number of strange) assert.equal(one.judge(number, other), GONE, String(number))
    assert.equal(one.judge(now + 10, other), UNTOUCHED, 'another node may be ahead')
  })
})

describe('a node whose log moves to another server', () => {
  test('purges everything, and takes its waiting purges along', async () => {
    const { nodes } = await fleet(1)
    const [one] = nodes as [Node]
    const since = one.worker.last
    one.purge(order('url', true, 'a|/x'))
    const second = new FakeServer()
    const neighbour = new Node(second)
    await neighbour.member.turn()
    const number = neighbour.numbers.current()
    const moved = one.follow(second)
    moved.queue.takeAll(one.member.queue, Date.now())
    assert.ok(await moved.turn())
    assert.deepEqual([one.gaps, one.verdict(since, other)], [['log moved'], GONE])
    await neighbour.member.turn()
    assert.deepEqual([neighbour.judge(number, page), neighbour.judge(number, other)], [GONE, UNTOUCHED])
  })
})

test('swept purges whose entries were given away: what is older is taken for purged', async () => {
  const server = new FakeServer()
  const one = new Node(server, { bytes: 300 * 1024 })
  await one.member.turn()
  const before = one.numbers.current()
  one.purge(order('url', true, 'a|/x'))
  for (let round = 0; round < 4; round++) {
    one.main.endSweep(one.main.beginSweep())
    for (let n = 0; n < 100; n++) one.purge(order('url', false, `z|/${round}/${n}`))
    assert.ok(await one.member.turn())
  }
  assert.ok(one.main.forgotten > 0)
  assert.equal(one.main.stats().folds, 0)
  assert.deepEqual([one.judge(before, page), one.judge(before, other)], [GONE, GONE])
  assert.equal(one.judge(one.numbers.current(), page), UNTOUCHED)
})

test('swept changes of this machine alone keep nothing out that is as new as the last purge of the fleet', async () => {
  const server = new FakeServer()
  const one = new Node(server, { bytes: 300 * 1024 })
  await one.member.turn()
  one.purge(order('url', true, 'a|/x'))
  const before = one.numbers.current()
  assert.ok(await one.member.turn())
  const number = one.numbers.current()
  for (let round = 0; round < 8; round++) {
    one.main.endSweep(one.main.beginSweep())
    for (let n = 0; n < 100; n++) one.worker.purgeLabels('changed', [`z|/${round}/${n}`], true)
    assert.ok(await one.member.turn())
  }
  assert.equal(one.main.stats().folds, 0)
  assert.equal(one.judge(before, page), GONE)
  assert.deepEqual([one.judge(number, page), one.judge(number, other)], [UNTOUCHED, UNTOUCHED])
  one.purge(order('url', true, 'a|/y'))
  assert.equal(one.judge(number, other), GONE)
  server.gate = async () => 'down'
  await one.member.turn()
  for (let round = 0; round < 8; round++) {
    one.main.endSweep(one.main.beginSweep())
    for (let n = 0; n < 100; n++) one.worker.purgeLabels('changed', [`y|/${round}/${n}`], true)
    await one.member.turn()
  }
  assert.equal(one.judge(number, other), GONE, 'a purge on its way is not left out')
})
