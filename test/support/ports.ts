/**
 * Free TCP ports for programs that cannot be asked which one they got.
 *
 * Workers listen with SO_REUSEPORT, so two daemons on one port would both start and share the clients: it is not enough
 * that a port is free now. Each test process therefore draws from a range of its own, below the kernel's ephemeral ports.
 */
import { connect, createServer } from 'node:net'

const FIRST = 10_000
/** Test processes alive at one time differ in pid by less than this many. */
const RANGES = 400
const PER_RANGE = 50

const base = FIRST + (process.pid % RANGES) * PER_RANGE
let next = 0

/** A port of 127.0.0.1 nobody listens on and which this process has not given out in its last 50 calls. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < PER_RANGE; tries++) {
    const port = base + (next++ % PER_RANGE)
    if (await isFree(port)) return port
  }
  throw new Error(`no free port from ${base} to ${base + PER_RANGE - 1}`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)))
  })
}

/**
 * Does anybody accept connections on this port of 127.0.0.1, or this unix socket? Its file is there a moment before, and
 * remains behind.
 */
export function listens(where: number | string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = typeof where === 'string' ? connect(where) : connect(where, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
