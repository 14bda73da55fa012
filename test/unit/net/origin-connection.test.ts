import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { OriginConnection } from '../../../src/net/origin-connection.ts'
import { clock } from '../../../src/util/clock.ts'
import { freePort } from '../../support/ports.ts'
import { type OriginPeer, ok, startConnectionOrigin } from '../../support/scripted-origin.ts'
import { waitFor } from '../../support/wait.ts'
import { limits, type Opened, openConnection, RecordingSink } from './recorders.ts'

interface Conversation extends Opened {
  readonly peer: OriginPeer
  readonly sink: RecordingSink
}

/** An open connection and its other end. */
async function connected(): Promise<Conversation> {
  const peers: OriginPeer[] = []
  const origin = await startConnectionOrigin(async (peer) => {
    peers.push(peer)
  })
  const opened = openConnection(origin.port)
  await opened.owner.until('open')
  await waitFor('the accept', () => peers.length === 1)
  return { ...opened, peer: peers[0]!, sink: new RecordingSink() }
}

/** Sends a request without body. */
function ask(connection: OriginConnection, sink: RecordingSink, method = 'GET', upgrade?: string): void {
  connection.begin(sink, method, upgrade)
  connection.socket.write(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`)
  connection.endRequest(undefined)
}

/** Sends a request and gets `answer`, in one write. */
async function answered(answer: string, method = 'GET'): Promise<Conversation> {
  const conversation = await connected()
  ask(conversation.connection, conversation.sink, method)
  await conversation.peer.requestHead()
  conversation.peer.send(answer)
  return conversation
}

describe('what a response is told as', () => {
  it('head, body and end of a sized one', async () => {
    const { sink, owner } = await answered(ok('hello'))
    await sink.until('end')
    assert.deepEqual([sink.events, sink.body], [['head 200', 'end'], 'hello'])
    assert.deepEqual(owner.events, ['open', 'free'])
  })

  it('the same when every byte comes alone', async () => {
    const { sink, peer, owner, connection } = await connected()
    ask(connection, sink)
    await peer.requestHead()
    for (const byte of 'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nT: x\r\n\r\n') {
      peer.send(byte)
      await peer.wait(0)
    }
    await sink.until('end T: x\r\n')
    assert.deepEqual([sink.events.slice(0, 2), sink.body], [['interim 103', 'head 200'], 'ab'])
    await owner.until('free')
  })

  it('no body where the request was HEAD', async () => {
    const { sink, owner } = await answered('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', 'HEAD')
    await sink.until('end')
    assert.equal(sink.body, '')
    await owner.until('free')
  })

  it('a body up to the close, where nothing else ends it', async () => {
    const { sink, peer, owner } = await answered('HTTP/1.1 200 OK\r\n\r\nall ')
    peer.send('of it')
    peer.end()
    await sink.until('end')
    assert.equal(sink.body, 'all of it')
    await owner.until('closed')
  })

  it('a tunnel after 101, with what came behind the head', async () => {
    const { sink, peer, connection } = await connected()
    ask(connection, sink, 'GET', 'x')
    await peer.requestHead()
    peer.send('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nearly')
    await sink.until('upgrade 101 early')
    peer.send('later')
    await sink.until('tunnel later')
    peer.end()
    await sink.until('tunnel end')
  })
})

describe('a connection is free again', () => {
  it('only when the request was written to its end', async () => {
    const { connection, sink, peer, owner } = await connected()
    connection.begin(sink, 'POST', undefined)
    connection.socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf')
    await peer.requestHead()
    peer.send(ok('early'))
    await sink.until('end')
    await owner.until('closed')
  })

  it('only when nothing follows the response', async () => {
    const { owner, sink } = await answered(`${ok('hello')}HTTP/1.1 200 OK\r\n`)
    await owner.until('closed')
    assert.deepEqual([sink.body, owner.events], ['hello', ['open', 'closed']])
  })

  it('only when the response does not say "close"', async () => {
    const { owner } = await answered(ok('hello', 'Connection: close'))
    await owner.until('closed')
    assert.deepEqual(owner.events, ['open', 'closed'])
  })

  it('and closes on a byte that comes while it is idle, without telling anybody', async () => {
    const { owner, sink, peer } = await answered(ok('hello'))
    await owner.until('free')
    peer.send('x')
    await owner.until('closed')
    assert.deepEqual(sink.events, ['head 200', 'end'])
  })

  it('and closes when the origin does', async () => {
    const { owner, peer } = await answered(ok('hello'))
    await owner.until('free')
    peer.end()
    await owner.until('closed')
  })

  it('and counts the responses it has served', async () => {
    const { connection, owner, peer, sink } = await answered(ok('1'))
    await owner.until('free')
    assert.equal(connection.uses, 1)
    ask(connection, sink)
    await peer.requestHead()
    peer.send(ok('2'))
    await waitFor('the second answer', () => sink.body === '12')
    assert.equal(connection.uses, 2)
  })
})

describe('what fails is told as', () => {
  const failures: readonly (readonly [name: string, answer: string, code: string])[] = [
    ['closed-early where no byte came', '', 'closed-early'],
    ['incomplete inside a head', 'HTTP/1.1 20', 'incomplete'],
    ['incomplete behind an interim response', 'HTTP/1.1 102 Processing\r\n\r\n', 'incomplete'],
    ['incomplete inside a sized body', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab', 'incomplete'],
    [
      'incomplete inside a chunked body',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n',
      'incomplete',
    ],
    ['bad-head for what is not HTTP', 'hello\r\n\r\n', 'bad-head'],
    ['bad-head for a head beyond the limit', `HTTP/1.1 200 OK\r\nA: ${'x'.repeat(limits.headBytes)}`, 'bad-head'],
    ['bad-body for broken chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n', 'bad-body'],
    [
      'unasked-upgrade',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
      'unasked-upgrade',
    ],
    ['endless-interim', 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(33), 'endless-interim'],
  ]
  for (const [name, answer, code] of failures) {
    it(name, async () => {
      const { sink, peer, owner } = await answered(answer)
      peer.end()
      await sink.until(`fail ${code}`)
      assert.equal(owner.events.at(-1), 'closed')
    })
  }

  it('a reset as the place it strikes', async () => {
    const { sink, peer } = await answered('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab')
    await sink.until('head 200')
    peer.reset()
    await sink.until('fail incomplete')
  })

  it('a refused connection, to the owner', async () => {
    const { owner } = openConnection(await freePort())
    await owner.until('open failed connect-refused')
    assert.deepEqual(owner.events, ['open failed connect-refused'])
  })

  it('silence before the head, and inside the body', async () => {
    const silent = await answered('')
    silent.wheel.advance(clock.monotonicMs + limits.firstByteTimeoutMs + 1000)
    assert.deepEqual(silent.sink.events, ['fail first-byte-timeout'])
    const stopped = await answered('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab')
    await stopped.sink.until('head 200')
    stopped.wheel.advance(clock.monotonicMs + limits.betweenBytesTimeoutMs + 1000)
    assert.deepEqual(stopped.sink.events, ['head 200', 'fail between-bytes-timeout'])
  })

  it('nothing, to a sink that gave up itself', async () => {
    const { connection, sink, owner } = await answered('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab')
    await sink.until('head 200')
    connection.destroy()
    assert.deepEqual([sink.events, owner.events.at(-1)], [['head 200'], 'closed'])
  })
})

describe('a sink that is slower than the origin', () => {
  const LARGE = 1024 * 1024

  it('is told nothing more after pause, and the rest after resume', async () => {
    const { connection, sink, peer, wheel } = await connected()
    sink.onBytes = () => connection.pause()
    ask(connection, sink)
    await peer.requestHead()
    peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${LARGE}\r\n\r\n${'x'.repeat(LARGE)}`)
    await waitFor('the first bytes', () => sink.body.length > 0)
    const { length } = sink.body
    await peer.wait(50)
    assert.equal(sink.body.length, length)
    wheel.advance(clock.monotonicMs + limits.betweenBytesTimeoutMs + 1000) // a pause is not the fault of the origin
    sink.onBytes = () => {}
    connection.resume()
    await sink.until('end')
    assert.equal(sink.body.length, LARGE)
  })

  it('keeps the bytes it retained as they are while more is read', async () => {
    const { connection, sink, peer } = await connected()
    const kept: { view: Buffer; copy: Buffer }[] = []
    sink.onBytes = (bytes, start, end) => {
      const view = bytes.subarray(start, end)
      kept.push({ view, copy: Buffer.from(view) })
      connection.retain()
    }
    ask(connection, sink)
    await peer.requestHead()
    peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${LARGE}\r\n\r\n`)
    for (let i = 0; i < 16; i++) peer.send(String.fromCharCode(97 + i).repeat(LARGE / 16))
    await sink.until('end')
    assert.ok(kept.length > 2)
    for (const { view, copy } of kept) assert.ok(view.equals(copy))
  })

  it('gets its full time to the first byte again when it paused before the head', async () => {
    const { connection, sink, peer, wheel } = await connected()
    ask(connection, sink)
    await peer.requestHead()
    connection.pause()
    connection.resume()
    wheel.advance(clock.monotonicMs + limits.firstByteTimeoutMs + 1000)
    assert.deepEqual(sink.events, ['fail first-byte-timeout'])
  })
})

describe('a sink that throws', () => {
  it('costs its connection and its request, whose sink is told', async () => {
    const { connection, peer, owner, sink } = await connected()
    sink.onHead = () => {
      throw new Error('of ours')
    }
    ask(connection, sink)
    await peer.requestHead()
    peer.send(ok('hello'))
    await sink.until('fail proxy-fault')
    assert.deepEqual(owner.events, ['open', 'closed', 'fault Error: of ours'])
    assert.equal(connection.state, 'closed')
  })

  it('again when it is told so is only reported', async () => {
    const { connection, peer, owner, sink } = await connected()
    sink.onEnd = () => {
      throw new Error('first')
    }
    sink.onFail = () => {
      throw new Error('second')
    }
    ask(connection, sink)
    await peer.requestHead()
    peer.send('HTTP/1.1 200 OK\r\n\r\nto the close')
    peer.end()
    await owner.until('fault Error: first')
    assert.equal(connection.state, 'closed')
  })
})
