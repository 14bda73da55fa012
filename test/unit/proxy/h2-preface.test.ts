import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { describe, it } from 'node:test'
import { H2Preface } from '../../../src/proxy/h2-preface.ts'
import type { ListenerRuntime } from '../../../src/proxy/listener-runtime.ts'
import { workerForTest } from './parts.ts'

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
const listener = { limits: { headerTimeoutMs: 1000 } } as ListenerRuntime

class SilentSocket extends EventEmitter {
  isDestroyed = false

  destroy(): void {
    this.isDestroyed = true
    this.emit('close')
  }
}

/** What became of a connection that sent these pieces. */
function play(pieces: readonly string[], { isHttp2Only = false, isBroken = false } = {}) {
  const worker = workerForTest()
  const faults: unknown[] = []
  worker.logFault = (error) => faults.push(error)
  const socket = new SilentSocket()
  const chosen: string[] = []
  const received: string[] = []
  const preface = new H2Preface(worker, listener, socket as unknown as Socket, isHttp2Only, (isHttp2) => {
    if (isBroken) throw new Error('no session')
    chosen.push(isHttp2 ? 'h2' : 'h1')
    const onBytes = (bytes: Buffer, length: number) => received.push(bytes.toString('latin1', 0, length)) > 0
    return { listener, onBytes, drain() {}, destroy() {} }
  })
  worker.connections.add(preface)
  for (const piece of pieces) {
    const length = worker.readBuffer.write(piece, 'latin1')
    preface.onBytes(worker.readBuffer, length)
  }
  return { chosen, text: received.join(''), socket, faults, isLeft: !worker.connections.has(preface) }
}

describe('the beginning of a connection without TLS', () => {
  it('chooses HTTP/2 by the preface, wherever it is cut', () => {
    for (let at = 1; at < PREFACE.length; at++) {
      const { chosen, text, isLeft } = play([PREFACE.slice(0, at), `${PREFACE.slice(at)}more`, 'and more'])
      assert.deepEqual([chosen, text, isLeft], [['h2'], `${PREFACE}moreand more`, true])
    }
  })

  it('chooses HTTP/1.1 at the first byte that is of no preface', () => {
    for (const start of ['GET / HTTP/1.1\r\n', 'PRI /', 'PRI * HTTP/2.0\r\n\r\nXX', '\r\n']) {
      for (let at = 1; at < start.length; at++) {
        const { chosen, text } = play([start.slice(0, at), start.slice(at)])
        assert.deepEqual([chosen, text], [['h1'], start])
      }
    }
  })

  it('closes what speaks HTTP/1.1 where that is not served', () => {
    const { chosen, socket } = play(['GET'], { isHttp2Only: true })
    assert.deepEqual([chosen, socket.isDestroyed], [[], true])
  })

  it('closes the one connection whose session cannot be made', () => {
    const { socket, faults, isLeft } = play([PREFACE], { isBroken: true })
    assert.deepEqual([socket.isDestroyed, faults.length, isLeft], [true, 1, true])
  })
})
