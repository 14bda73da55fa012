/** `shellac dc-server` as a program: its options, its messages, its process, and peers that are not ours. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readSync, statSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { makeAuthority } from '../support/certificates.ts'
import { onTestEnd } from '../support/cleanup.ts'
import { MAIN } from '../support/daemon.ts'
import { addBytes, assertSameBytes, connectWire, requestBytes, responseBytes } from '../support/distcache.ts'
import { id32, rampBytes } from '../support/distcache-vectors.ts'
import { startMemcached } from '../support/memcached.ts'
import { freePort, listens } from '../support/ports.ts'
import { Background, runProgram } from '../support/process.ts'
import { tempDir } from '../support/temp.ts'
import { OpensslClient } from '../support/tls-resumption.ts'
import { waitFor } from '../support/wait.ts'
import { Wire } from '../support/wire.ts'

const ADD = 0
const GET = 1
const REMOVE = 2
const HAVE = 3
const ok = Buffer.from([0])
const absent = Buffer.from([1])
const isRoot = process.getuid?.() === 0

async function startServer(address: string, ...args: string[]): Promise<Background> {
  const server = new Background(process.execPath, [MAIN, 'dc-server', '-listen', address, ...args])
  await server.waitFor(address, () => isServing(address))
  return server
}

function isServing(address: string): Promise<boolean> {
  return listens(address.startsWith('UNIX:') ? address.slice(5) : Number(address.split(':').at(-1)))
}

async function ask(wire: Wire, request: Buffer, response: Buffer): Promise<void> {
  wire.send(request)
  assertSameBytes(await wire.read(response.length), response)
}

async function exercise(wire: Wire): Promise<void> {
  await ask(wire, requestBytes(1, GET, id32), responseBytes(1, GET, absent))
  await ask(wire, addBytes(2, 60_000, id32, rampBytes(1000)), responseBytes(2, ADD, ok))
  await ask(wire, addBytes(3, 60_000, id32, rampBytes(10)), responseBytes(3, ADD, Buffer.from([101])))
  await ask(wire, requestBytes(4, GET, id32), responseBytes(4, GET, rampBytes(1000)))
  await ask(wire, requestBytes(5, HAVE, id32), responseBytes(5, HAVE, ok))
  await ask(wire, requestBytes(6, REMOVE, id32), responseBytes(6, REMOVE, ok))
  await ask(wire, requestBytes(7, HAVE, id32), responseBytes(7, HAVE, absent))
}

describe('the process', () => {
  it('serves TCP and unix sockets, and ends in order when told', async () => {
    const dir = tempDir()
    const port = await freePort()
    const addresses = [`IP:127.0.0.1:${port}`, `IP:localhost:${await freePort()}`, `UNIX:${dir}/s`]
    for (const address of addresses) {
      const server = await startServer(address)
      const tcp = { host: '127.0.0.1', port: Number(address.split(':').at(-1)) }
      await exercise(await connectWire(address.startsWith('UNIX:') ? { path: address.slice(5) } : tcp))
      server.kill('SIGTERM')
      assert.equal(await server.waitForExit(), 0)
      assert.equal(existsSync(`${dir}/s`), false)
    }
  })

  it('reads numbers as atoi does, and takes the last of two options', async () => {
    const path = join(tempDir(), 's')
    const args = ['-sessions', '63', '-sessions', ' +64abc', '-progress', 'none', '-listen', 'IP:1']
    await startServer(`UNIX:${path}`, ...args, '-listen', `UNIX:${path}`)
    await exercise(await connectWire({ path }))
  })

  it('serves IPv6', async () => {
    const port = await freePort()
    const server = new Background(process.execPath, [MAIN, 'dc-server', '-listen', `IP:[::1]:${port}`])
    const wire = await server.waitFor('an answer', () => connectWire({ host: '::1', port }).catch(() => undefined))
    await exercise(wire)
  })

  it('ignores SIGUSR1 and SIGUSR2 unless it is killable by them, which is exit code 0', async () => {
    const path = join(tempDir(), 's')
    const server = await startServer(`UNIX:${path}`)
    for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) server.kill(signal)
    await exercise(await connectWire({ path }))
    assert.equal(server.ended, undefined)
    await server.stop()
    for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) {
      const killable = await startServer(`UNIX:${path}`, '-killable')
      await exercise(await connectWire({ path }))
      killable.kill(signal)
      assert.equal(await killable.waitForExit(), 0)
    }
  })

  it('sets owner and mode of its socket; what fails there is a warning', async () => {
    const path = join(tempDir(), 's')
    const me = userInfo().username
    const args = ['-sockowner', me, '-sockgroup', 'nosuchgroup', '-sockperms', '660']
    const server = await startServer(`UNIX:${path}`, ...args)
    await server.waitFor('the warning', () =>
      server.lines.some((line) => line.startsWith('Warning, cannot change the group')),
    )
    await server.waitFor('the mode', () => (statSync(path).mode & 0o777) === 0o660)
  })

  it('goes to the background: the parent ends when the socket is open, the pid file has the child', async () => {
    const dir = tempDir()
    const args = ['-listen', 'UNIX:s', '-daemon', '-pidfile', 'pid', '-killable']
    const started = await runProgram(process.execPath, [MAIN, 'dc-server', ...args], { cwd: dir })
    assert.deepEqual([started.code, started.stdout, started.stderr], [0, '', ''])
    const text = readFileSync(join(dir, 'pid'), 'latin1')
    assert.match(text, /^\d+$/)
    const pid = Number(text)
    onTestEnd(() => {
      if (existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGKILL')
    })
    const status = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ')
    assert.equal(status[3], text, 'a session of its own')
    await exercise(await connectWire({ path: join(dir, 's') }))

    const second = await runProgram(process.execPath, [MAIN, 'dc-server', ...args], { cwd: dir })
    assert.equal(second.code, 1)
    assert.match(second.stderr, /^Error, ".*" is in use: somebody listens there/)

    process.kill(pid, 'SIGUSR1')
    await waitFor(
      'the end',
      () => !existsSync(`/proc/${pid}`) || readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z '),
    )
    assert.equal(existsSync(join(dir, 's')), false)
  })

  it('becomes another user, with its groups', { skip: !isRoot && 'only root may change the user' }, async () => {
    const dir = tempDir()
    const path = join(dir, 's')
    const server = await startServer(`UNIX:${path}`, '-user', 'nobody', '-sockperms', '666')
    await exercise(await connectWire({ path }))
    const status = await server.waitFor('another user', () => {
      const text = readFileSync(`/proc/${server.pid}/status`, 'latin1')
      return !/^Uid:\s+0\s/m.test(text) && text
    })
    assert.doesNotMatch(status, /^Gid:\s+0\s/m)
    assert.doesNotMatch(status, /^Groups:.*\b0\b/m)
  })

  it('warns of strangers where TCP is open to them without TLS', async () => {
    const server = await startServer(`IP:${await freePort()}`)
    await server.waitFor('a warning', () =>
      server.lines.some((line) => /^Warning, whoever reaches IP:\d+ can read/.test(line)),
    )
    const local = await startServer(`IP:127.0.0.1:${await freePort()}`)
    await local.stop()
    assert.deepEqual(local.lines, [])
  })

  it('reports what it does, in the words of the original', async () => {
    const path = join(tempDir(), 's')
    const server = await startServer(`UNIX:${path}`, '-progress', '7')
    const wire = await connectWire({ path })
    await exercise(wire)
    await server.waitFor('a report', () => server.lines.length > 0)
    assert.equal(server.lines[0], 'Info, total operations =       7  (+     7), total sessions =     0  (=  0)')
    await ask(wire, addBytes(2, 4000, id32, rampBytes(1000)), responseBytes(2, ADD, ok))
    await server.waitFor('two more', () => server.lines.length > 2)
    assert.deepEqual(server.lines.slice(1), [
      'Info, total operations =       8  (+     1), total sessions =     1  (+  1)',
      'Info, total operations =       8  (+     0), total sessions =     0  (-  1)',
    ])
  })

  it('survives whatever strangers send', async () => {
    const path = join(tempDir(), 's')
    const server = await startServer(`UNIX:${path}`)
    for (const bytes of [
      'GET / HTTP/1.1\r\n\r\n',
      '\x00\x10\x00\x00\x00',
      '\x16\x03\x01\x02\x00',
      '\xff'.repeat(5000),
    ]) {
      const wire = await connectWire({ path })
      wire.send(bytes)
      assert.equal(await wire.expectClose(), 'end')
    }
    await exercise(await connectWire({ path }))
    await server.stop()
    assert.deepEqual(server.lines, [])
  })
})

describe('secrets', () => {
  /** Read at a time. */
  const CHUNK_BYTES = 2 ** 20

  /** Which of `marks` stand in the writable memory of a process. */
  function findInMemory(pid: number, marks: readonly Buffer[]): Set<Buffer> {
    const found = new Set<Buffer>()
    const chunk = Buffer.alloc(CHUNK_BYTES)
    const memory = openSync(`/proc/${pid}/mem`, 'r')
    try {
      for (const [from, to] of writableRegions(pid)) {
        // Chunks overlap by as much as a mark, so that none is cut.
        for (let at = from; at < to; at += CHUNK_BYTES - 64) {
          const length = readMemory(memory, chunk, at, Math.min(CHUNK_BYTES, to - at))
          for (const mark of marks) if (chunk.subarray(0, length).includes(mark)) found.add(mark)
        }
      }
    } finally {
      closeSync(memory)
    }
    return found
  }

  /** Addresses, which are below 2^47. Only those the kernel has pages for. */
  function writableRegions(pid: number): [from: number, to: number][] {
    const regions = readFileSync(`/proc/${pid}/smaps`, 'latin1').matchAll(
      /^([0-9a-f]+)-([0-9a-f]+) rw[\s\S]*?^Rss: +(\d+)/gm,
    )
    return [...regions]
      .filter(([, , , residentKib]) => residentKib !== '0')
      .map(([, from, to]) => [Number.parseInt(from!, 16), Number.parseInt(to!, 16)])
  }

  function readMemory(memory: number, into: Buffer, at: number, length: number): number {
    try {
      return readSync(memory, into, 0, length, at)
    } catch {
      return 0 // a region the kernel keeps to itself
    }
  }

  it('are in no memory of the process when they have gone, however they went', async () => {
    const path = join(tempDir(), 's')
    const server = await startServer(`UNIX:${path}`, '-sessions', '64')
    const wire = await connectWire({ path })
    const sessions = ['removed', 'expired', 'evicted'].map((name) => ({
      id: createHash('sha256').update(`id ${name}`).digest(),
      data: Buffer.concat(
        Array.from({ length: 20 }, (_, i) => createHash('sha256').update(`data ${name} ${i}`).digest()),
      ),
    }))
    const [removed, expired, evicted] = sessions
    const marksOfHalf = Buffer.concat(
      Array.from({ length: 64 }, (_, i) => createHash('sha256').update(`half ${i}`).digest()),
    )
    const marks = sessions.flatMap(({ id, data }) => [id.subarray(8), data.subarray(0, 32), data.subarray(-32)])
    await ask(wire, addBytes(1, 60_000, removed!.id, removed!.data), responseBytes(1, ADD, ok))
    await ask(wire, addBytes(2, 100, expired!.id, expired!.data), responseBytes(2, ADD, ok))
    await ask(wire, addBytes(3, 30_000, evicted!.id, evicted!.data), responseBytes(3, ADD, ok))
    assert.equal(findInMemory(server.pid, marks).size >= 6, true, 'what is stored is found')
    await ask(wire, requestBytes(4, GET, removed!.id), responseBytes(4, GET, removed!.data))
    await ask(wire, requestBytes(5, REMOVE, removed!.id), responseBytes(5, REMOVE, ok))
    for (let n = 0; n < 64; n++) {
      await ask(wire, addBytes(n, 40_000, Buffer.from(`other ${n}`), rampBytes(1000)), responseBytes(n, ADD, ok))
    }
    // A request that was never completed.
    const half = await connectWire({ path })
    const bytes = addBytes(6, 60_000, Buffer.from('half'), marksOfHalf)
    for (const piece of [bytes.subarray(0, 500), bytes.subarray(500, -1)]) {
      half.send(piece)
      await ask(wire, requestBytes(7, HAVE, Buffer.from('none')), responseBytes(7, HAVE, absent))
    }
    assert.equal(findInMemory(server.pid, [marksOfHalf.subarray(0, 32)]).size, 1)
    half.socket.destroy()
    marks.push(marksOfHalf.subarray(0, 32), marksOfHalf.subarray(400, 432))
    // What has passed through the buffers of sockets is overwritten by what comes next: 64 KiB in, 64 KiB out.
    const other = Buffer.from('other 63')
    const answer = responseBytes(9, GET, rampBytes(1000))
    await wire.sendAll(Buffer.concat(Array.from({ length: 5000 }, () => requestBytes(9, GET, other))))
    await wire.skip(5000 * answer.length)
    await waitFor('the end of what expires', () => findInMemory(server.pid, [expired!.id.subarray(8)]).size === 0)
    const left = findInMemory(server.pid, marks)
    assert.deepEqual(
      marks.filter((mark) => left.has(mark)),
      [],
    )
  })
})

describe('TLS between agents and servers', () => {
  it('serves who has a certificate of the authority, and nobody else', async () => {
    const ca = makeAuthority()
    const own = ca.issue({ names: ['localhost'] })
    const client = ca.issue({ names: ['agent'], usage: 'clientAuth' })
    const stranger = makeAuthority('Other Root').issue({ names: ['agent'], usage: 'clientAuth' })
    const port = await freePort()
    const files = ['-tls-cert', own.chain, '-tls-key', own.key, '-tls-ca', ca.certificate]
    const server = await startServer(`IP:127.0.0.1:${port}`, ...files)
    const open = async (pair: { chain: string; key: string } | undefined) => {
      const material = pair && { cert: readFileSync(pair.chain), key: readFileSync(pair.key) }
      const socket = connectTls({
        port,
        host: '127.0.0.1',
        servername: 'localhost',
        ca: readFileSync(ca.certificate),
        ...material,
      })
      onTestEnd(() => {
        socket.destroy()
      })
      const wire = new Wire(socket)
      wire.send(requestBytes(1, HAVE, id32))
      return wire
    }
    const wire = await open(client)
    assertSameBytes(await wire.read(15), responseBytes(1, HAVE, absent))
    await exercise(wire)
    for (const pair of [stranger, undefined]) {
      const refused = await open(pair)
      await refused.until('the close', () => refused.closed !== undefined).catch(() => {})
      assert.equal(refused.buffer.length, 0)
    }
    const plain = await connectWire({ port, host: '127.0.0.1' })
    plain.send(requestBytes(1, HAVE, id32))
    await plain.until('the close', () => plain.closed !== undefined)
    await exercise(wire)
    assert.equal(server.ended, undefined)
  })
})

describe('sessions in a memcached pool', () => {
  async function startPooled(memcached: string, secret = 'a secret of the whole fleet'): Promise<string> {
    const dir = tempDir()
    writeFileSync(join(dir, 'seal'), `${secret}\n`, { mode: 0o600 })
    writeFileSync(
      join(dir, 'shellac.conf'),
      `shellac 1;\nmemcached edge { server a ${memcached}; timeout 1s; eject off; }\n`,
    )
    const store = ['-store', 'memcached:edge', '-config', join(dir, 'shellac.conf'), '-seal', join(dir, 'seal')]
    await startServer(`UNIX:${dir}/s`, ...store, '-wait', '2000')
    return join(dir, 's')
  }

  it('are there for every server of the fleet, also for one that starts later, and for none with another seal', async () => {
    const memcached = await startMemcached()
    const first = await connectWire({ path: await startPooled(memcached.text) })
    await exercise(first)
    await ask(first, addBytes(1, 60_000, id32, rampBytes(30_000)), responseBytes(1, ADD, ok))
    const second = await connectWire({ path: await startPooled(memcached.text) })
    await ask(second, requestBytes(2, GET, id32), responseBytes(2, GET, rampBytes(30_000)))
    const stranger = await connectWire({ path: await startPooled(memcached.text, 'a secret of another fleet') })
    await ask(stranger, requestBytes(3, GET, id32), responseBytes(3, GET, absent))
    await ask(second, requestBytes(4, REMOVE, id32), responseBytes(4, REMOVE, ok))
    await ask(first, requestBytes(5, HAVE, id32), responseBytes(5, HAVE, absent))
  })

  it('are answered in order however many are asked for in one write, errors among them', async () => {
    const memcached = await startMemcached()
    const wire = await connectWire({ path: await startPooled(memcached.text) })
    const requests: Buffer[] = []
    const responses: Buffer[] = []
    for (let uid = 0; uid < 4000; uid += 4) {
      const id = Buffer.from(`id ${uid}`)
      const data = rampBytes(5 + (uid % 700))
      requests.push(addBytes(uid, 60_000, id, data), addBytes(uid + 1, 604_800_001, id, data))
      requests.push(requestBytes(uid + 2, GET, id), requestBytes(uid + 3, HAVE, Buffer.from('none')))
      responses.push(responseBytes(uid, ADD, ok), responseBytes(uid + 1, ADD, Buffer.from([102])))
      responses.push(responseBytes(uid + 2, GET, data), responseBytes(uid + 3, HAVE, absent))
    }
    wire.send(Buffer.concat(requests))
    wire.end()
    assertSameBytes(await wire.readToEnd(), Buffer.concat(responses))
  })

  it('are NOT OK while the pool is gone, at once, and there again when it is back', async () => {
    const memcached = await startMemcached()
    const wire = await connectWire({ path: await startPooled(memcached.text) })
    await exercise(wire)
    await memcached.stop()
    await ask(wire, addBytes(1, 60_000, id32, rampBytes(10)), responseBytes(1, ADD, absent))
    for (const operation of [GET, REMOVE, HAVE]) {
      await ask(wire, requestBytes(2, operation, id32), responseBytes(2, operation, absent))
    }
    await memcached.start()
    await waitFor('the pool', async () => {
      wire.send(addBytes(3, 60_000, id32, rampBytes(10)))
      return (await wire.read(15)).equals(responseBytes(3, ADD, ok))
    })
    await ask(wire, requestBytes(4, GET, id32), responseBytes(4, GET, rampBytes(10)))
  })
})

describe('stunnel', () => {
  interface Line {
    readonly from: string
  }

  /** Two stunnels with one certificate, which ask dc-server for what the other has negotiated. */
  async function startStunnels(sessiond: number): Promise<number[]> {
    const own = makeAuthority().issue({ names: ['localhost'], keyType: 'rsa' })
    const backend = await startBackend()
    const ports: number[] = []
    for (const name of ['a', 'b']) {
      const dir = join(tempDir(), name)
      mkdirSync(dir)
      const port = await freePort()
      writeFileSync(
        join(dir, 'stunnel.conf'),
        `foreground = yes\npid = ${dir}/pid\n[web]\naccept = 127.0.0.1:${port}\nconnect = 127.0.0.1:${backend}\n` +
          `cert = ${own.chain}\nkey = ${own.key}\nsslVersionMax = TLSv1.2\nsessiond = 127.0.0.1:${sessiond}\n`,
      )
      const stunnel = new Background('stunnel4', [join(dir, 'stunnel.conf')])
      await stunnel.waitFor('stunnel', () => listens(port))
      ports.push(port)
    }
    return ports
  }

  async function startBackend(): Promise<number> {
    const { createServer } = await import('node:http')
    const server = createServer((_, response) => response.end('{"from":"backend"}\n'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestEnd(() => {
      server.close()
    })
    return (server.address() as { port: number }).port
  }

  it('resumes what another stunnel has negotiated', async () => {
    const sessiond = await freePort()
    await startServer(`UNIX:${tempDir()}/s`, '-sessiond', `127.0.0.1:${sessiond}`)
    const [a, b] = await startStunnels(sessiond)
    const client = new OpensslClient<Line>('TLSv1.2')
    const first = await client.visit(a!, { args: ['-no_ticket'] })
    assert.deepEqual([first.isReused, first.answer], [false, { from: 'backend' }])
    // stunnel waits one tick of the clock for an answer: on a busy machine it may come too late, and the session is a new one.
    await waitFor('a resumption', async () => {
      const { isReused } = await client.visit(b!, { args: ['-no_ticket'], keep: false })
      return isReused
    })
    await waitFor('a resumption', async () => (await client.visit(a!, { args: ['-no_ticket'], keep: false })).isReused)
  })

  it('resumes nothing while nobody answers', async () => {
    const [a, b] = await startStunnels(await freePort())
    const client = new OpensslClient<Line>('TLSv1.2')
    await client.visit(a!, { args: ['-no_ticket'] })
    assert.equal((await client.visit(b!, { args: ['-no_ticket'], keep: false })).isReused, false)
  })
})
