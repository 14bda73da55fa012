/** `npm start`: an example origin, Shellac in front of it, and what to try with the two. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startOrigin } from './origin.ts'

/** The port shown in the text; any free one when it is taken. */
const PORT = 8000

const origin = await startOrigin(0)
const port = await freePort(PORT).catch(() => freePort(0))
const dir = mkdtempSync(join(tmpdir(), 'shellac-demo-'))
const config = writeConfig({ port, origin: portOf(origin), dir })

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const shellac = spawn(process.execPath, [main, '-c', config], { stdio: 'inherit' })
shellac.once('exit', (code) => {
  origin.close()
  origin.closeAllConnections()
  rmSync(dir, { recursive: true, force: true })
  process.exitCode = code ?? 1
})
// Ctrl-C reaches Shellac by itself, like every process of the terminal; a second signal to it would cut its drain short.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => shellac.kill('SIGTERM'))

while (shellac.exitCode === null && !(await accepts(port))) await sleep(50)
if (shellac.exitCode === null) console.log(whatToTry(`http://127.0.0.1:${port}`, config))

function whatToTry(url: string, file: string): string {
  return `
Shellac listens on ${url}, in front of an example origin. In another terminal, try:

  curl -i ${url}/     # a miss: fetched from the origin and stored (see Cache-Status)
  curl -i ${url}/     # a hit: same time in the page, the origin was not asked

Then change the configuration; it takes effect at once, and the cache keeps what it has:

  sed -i 's/hello/good evening/' ${file}
  curl -i ${url}/     # still a hit, with the new X-Greeting

Save something wrong, and the old configuration stays while the log below shows the error:

  echo 'nonsense' >> ${file}

Ctrl-C ends it.
`
}

/** A copy of the demonstration's configuration that may be edited; gives its path. */
function writeConfig(words: Readonly<Record<string, string | number>>): string {
  const template = readFileSync(new URL('./shellac.conf', import.meta.url), 'utf8')
  const file = join(dir, 'shellac.conf')
  writeFileSync(
    file,
    template.replaceAll(/%([a-z]+)%/g, (_, word: string) => `${words[word]}`),
  )
  return file
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

/** `wanted`, or with 0 a port of the kernel's choice; rejects when it is taken. */
function freePort(wanted: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen({ port: wanted, host: '127.0.0.1', exclusive: true }, () => {
      const { port: found } = probe.address() as AddressInfo
      probe.close(() => resolve(found))
    })
  })
}

/** Connects without asking anything, so that the first request is the reader's. */
function accepts(at: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(at, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
