/** Real programs as peers: curl, wrk, nginx, memcached. The test command has made sure that they are there. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseWrk, type WrkReport } from '../../bench/wrk.ts'
import { freePort, listens } from './ports.ts'
import { Background, type Finished, runProgram } from './process.ts'
import { tempDir } from './temp.ts'

/** Run curl quietly, with errors shown, against exactly what the arguments say (no .curlrc, no proxy). */
export function curl(...args: readonly string[]): Promise<Finished> {
  return runProgram('curl', ['-q', '-sS', '--noproxy', '*', '--max-time', '30', ...args])
}

/** Load with wrk. `extra`: further arguments, such as `-H` and `-s`. */
export async function wrk(
  url: string,
  options: { connections: number; seconds: number; threads?: number; extra?: readonly string[] },
): Promise<WrkReport> {
  const { connections, seconds, threads = 1, extra = [] } = options
  const ended = await runProgram(
    'wrk',
    [`-t${threads}`, `-c${connections}`, `-d${seconds}s`, '--latency', ...extra, url],
    {
      deadlineMs: seconds * 1000 + 30_000,
    },
  )
  if (ended.code !== 0) throw new Error(`wrk ended with ${ended.code}: ${ended.stderr}${ended.stdout}`)
  return parseWrk(ended.stdout)
}

export interface RunningProgram {
  readonly port: number
  readonly dir: string
  readonly process: Background
}

/**
 * Start nginx in the foreground with one worker. `http`: the inside of its `http` block, in which `%port%` is the port it
 * is to listen on and `%dir%` a temporary folder that any user may read.
 */
export async function startNginx(http: string): Promise<RunningProgram> {
  const dir = tempDir('nginx-')
  const port = await freePort()
  const folders = ['client', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => {
    mkdirSync(join(dir, name))
    return `${name === 'client' ? 'client_body' : name}_temp_path ${dir}/${name};`
  })
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  const text = `${user} daemon off; worker_processes 1; pid ${dir}/nginx.pid; error_log stderr warn;
    events { worker_connections 4096; }
    http { access_log off; ${folders.join(' ')} ${http.replaceAll('%port%', `${port}`).replaceAll('%dir%', dir)} }\n`
  writeFileSync(join(dir, 'nginx.conf'), text)
  return whenListening(port, dir, new Background('nginx', ['-p', dir, '-e', 'stderr', '-c', join(dir, 'nginx.conf')]))
}

/** Start memcached with 64 MB and no UDP. */
export async function startMemcached(...args: readonly string[]): Promise<RunningProgram> {
  const dir = tempDir('memcached-')
  const port = await freePort()
  const user = process.getuid?.() === 0 ? ['-u', 'root'] : []
  return whenListening(
    port,
    dir,
    new Background('memcached', ['-l', '127.0.0.1', '-p', `${port}`, '-U', '0', ...user, ...args]),
  )
}

async function whenListening(port: number, dir: string, program: Background): Promise<RunningProgram> {
  await program.waitFor(`port ${port}`, () => listens(port))
  return { port, dir, process: program }
}
