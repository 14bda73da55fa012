/**
 * Programs pinned to a core, and what the kernel says they cost.
 *
 * A server may be several processes (nginx: master, worker, cache manager; Varnish: manager and child), so every figure is
 * a sum over the whole tree below the process that was started.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Kernel clock ticks per second in /proc/PID/stat; 100 on every Linux Node runs on. */
const TICKS_PER_SEC = 100

const running = new Set<ChildProcess>()

process.on('exit', () => {
  for (const child of running) for (const pid of treeOf(child.pid)) kill(pid, 'SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))

export interface Started {
  readonly pid: number
  /** What it printed, for the message when it fails. */
  output(): string
  isRunning(): boolean
  stop(): Promise<void>
}

/** Start a program on these cores (`0`, `0,1`); it is killed with this process at the latest. */
export function startPinned(cores: string, command: readonly string[]): Started {
  const child = spawn('taskset', ['-c', cores, ...command], { stdio: ['ignore', 'pipe', 'pipe'] })
  const { pid } = child
  if (pid === undefined) throw new Error('taskset cannot be started')
  running.add(child)
  let output = ''
  const keep = (bytes: Buffer) => {
    output = (output + bytes.toString()).slice(-20_000)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  const gone = new Promise<void>((resolve) =>
    child.once('exit', () => {
      running.delete(child)
      resolve()
    }),
  )
  const isRunning = () => child.exitCode === null && child.signalCode === null
  return {
    pid,
    output: () => output,
    isRunning,
    async stop() {
      const tree = treeOf(pid)
      if (isRunning()) child.kill('SIGTERM')
      await Promise.race([gone, sleep(5000, undefined, { ref: false })])
      for (const left of tree) kill(left, 'SIGKILL')
    },
  }
}

/** Run a program on a core to its end; gives its stdout, rejects on a non-zero exit. */
export async function runPinned(cores: string, command: readonly string[]): Promise<string> {
  const child = spawn('taskset', ['-c', cores, ...command], { stdio: ['ignore', 'pipe', 'inherit'] })
  running.add(child)
  let stdout = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text
  })
  const code = await new Promise<number | string>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status, signal) => resolve(status ?? signal ?? 'unknown'))
  })
  running.delete(child)
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}`)
  return stdout
}

/** Pin the threads of a process that are called `name` and a number: number i to the i-th of the cores. Throws if there are none. */
export function pinThreads(pid: number, name: string, cores: readonly string[]): void {
  let pinned = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const called = readProc(pid, `task/${thread}/comm`).trim()
    const core = called.startsWith(name) ? cores[Number(called.slice(name.length))] : undefined
    if (core === undefined) continue
    execFileSync('taskset', ['-c', '-p', core, thread], { stdio: 'ignore' })
    pinned++
  }
  if (pinned !== cores.length) throw new Error(`${pinned} threads called ${name}N instead of ${cores.length}`)
}

/** User and system time so far, microseconds, of the process and everything below it, ended children included. */
export function cpuMicros(pid: number): number {
  let ticks = 0
  for (const one of treeOf(pid)) {
    const fields = statFields(one)
    // utime, stime, cutime, cstime: fields 14 to 17 of proc(5), 0-based behind pid and (comm).
    for (const index of [11, 12, 13, 14]) ticks += Number(fields[index] ?? 0)
  }
  return (ticks / TICKS_PER_SEC) * 1e6
}

/** User and system time of this process's ended children, microseconds: the load generators, while no server ends. */
export function endedChildrenMicros(): number {
  const fields = statFields(process.pid)
  return ((Number(fields[13]) + Number(fields[14])) / TICKS_PER_SEC) * 1e6
}

/** Resident memory of the process and everything below it, bytes; pages they share count once for each. */
export function rssBytes(pid: number): number {
  let kib = 0
  for (const one of treeOf(pid)) kib += Number(/^VmRSS:\s+(\d+) kB$/m.exec(readProc(one, 'status'))?.[1] ?? 0)
  return kib * 1024
}

/** The first line a command prints about its version. */
export function versionOf(command: string, ...args: string[]): string {
  const script = '"$0" "$@" 2>&1 | head -n 1'
  return execFileSync('sh', ['-c', script, command, ...args], { encoding: 'utf8' }).trim()
}

/** The process and all below it; empty when it is gone. */
function treeOf(root: number | undefined): number[] {
  if (root === undefined) return []
  const childrenOf = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const parent = Number(statFields(Number(name))[1])
    childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), Number(name)])
  }
  const tree = [root]
  for (const pid of tree) tree.push(...(childrenOf.get(pid) ?? []))
  return tree
}

/** Fields of /proc/PID/stat behind the command's name, which may hold spaces: state, ppid, ... */
function statFields(pid: number): string[] {
  const text = readProc(pid, 'stat')
  return text.slice(text.lastIndexOf(')') + 2).split(' ')
}

/** Empty when the process has ended meanwhile. */
function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // gone already, which is what was wanted
  }
}
