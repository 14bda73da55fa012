/**
 * `npm start`: an example origin, Shellac in front of it, and what to try with the two.
 *
 * Shellac runs in a process group of its own, so that Ctrl-C in a terminal, which reaches the whole group, and npm, which
 * passes it on once more, do not stop it twice: a second signal would cut its drain short.
 */
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
const shellac = spawn(process.execPath, [main, '-c', config], {
  stdio: ['ignore', 'inherit', 'inherit'],
  detached: true,
})
shellac.once('exit', (code) => {
  origin.close()
  origin.closeAllConnections()
  rmSync(dir, { recursive: true, force: true })
  process.exitCode = code ?? 1
})
let isStopping = false
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)

while (shellac.exitCode === null && !(await accepts(port))) await sleep(50)
if (shellac.exitCode === null) console.log(whatToTry(`http://127.0.0.1:${port}`, config))

function stop(): void {
  if (!isStopping) shellac.kill('SIGTERM')
  isStopping = true
}

function whatToTry(url: string, file: string): string {
  const command = `npx node src/main.ts -c ${file}`
  return `
Shellac serves ${url}, in front of a small web server. In another terminal, try:

1. Ask twice. The first answer is a miss, fetched from the web server; the second is a hit, with the same time in the
   page. Cache-Status says so.

     curl -i ${url}/
     curl -i ${url}/

2. Withdraw the page, as an editor would, and ask again: the web server is asked anew, and the time has changed.

     ${command} purge ${url}/
     curl -i ${url}/

3. Ask why: which route and which lines of the configuration decide, what is stored, and for how long it is fresh.

     ${command} explain --live --response-header 'Cache-Control: max-age=600' ${url}/
     ${command} status

4. Change the configuration. It takes effect as soon as it is saved: a new X-Greeting, and still a hit.

     sed -i 's/hello/good evening/' ${file}; sleep 1; curl -i ${url}/

5. Make a mistake. It is explained here, below this text, and the configuration from before stays in force.

     sed -i 's/proxy example/proxy exmaple/' ${file}; sleep 1; curl -i ${url}/

Ctrl-C ends both servers.
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
