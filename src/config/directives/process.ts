/**
 *     process { user shellac; group shellac; workers auto; drain 30s; pid-file /run/shellac.pid; connections 20000; }
 *     reload  { watch on; debounce 200ms; strict; require tests; }
 *     admin   { listen unix:/run/shellac/admin.sock mode 0660; }
 */
import { nothing, one } from './arguments.ts'
import { type Context, directive, type Shape } from './directive.ts'
import { adminAddress, duration, fileMode, filePath, integer, oneOf, onOff, userName, workerCount } from './values.ts'

export const user = directive({
  name: 'user',
  shape: one(userName),
  phase: 'start',
  doc: 'The user the process becomes once its sockets are open. Without it the process stays who it is.',
  example: 'user shellac;',
})

export const group = directive({
  name: 'group',
  shape: one(userName),
  phase: 'start',
  doc: 'The group the process takes together with "user". Without it, the first group of that user.',
  example: 'group shellac;',
})

export const workers = directive({
  name: 'workers',
  shape: one(workerCount),
  defaultText: 'auto',
  phase: 'start',
  doc: 'Number of worker threads; "auto" is one for each core. All workers share one copy of every cache.',
  example: 'workers 4;',
  peers: ['worker_processes', 'nbthread', 'nbproc', 'thread_pools', 'ThreadsPerChild'],
})

export const drain = directive({
  name: 'drain',
  shape: one(duration),
  defaultText: '30s',
  phase: 'start',
  doc: 'How long SIGTERM waits for requests in flight before their connections are closed.',
  example: 'drain 1m;',
  peers: ['worker_shutdown_timeout', 'hard-stop-after', 'shutdown_lifetime'],
})

export const pidFile = directive({
  name: 'pid-file',
  shape: one(filePath),
  phase: 'start',
  doc: 'A file that holds the process id while the daemon runs.',
  example: 'pid-file /run/shellac/shellac.pid;',
  peers: ['pid', 'pidfile', 'pid_filename'],
})

export const connections = directive({
  name: 'connections',
  shape: one(integer(1, 1_000_000)),
  defaultText: '20000',
  phase: 'accept',
  doc: 'Client connections of one worker. Past the bound new ones are closed at once, so that memory stays bounded.',
  example: 'connections 50000;',
  peers: ['worker_connections', 'maxconn'],
})

export const processContext: Context = {
  name: 'process',
  doc: 'How the process runs.',
  directives: [user, group, workers, drain, pidFile, connections],
}

export const watch = directive({
  name: 'watch',
  shape: one(onOff),
  defaultText: 'on',
  phase: 'start',
  doc:
    'Whether a saved configuration file is loaded by itself. A file with an error changes nothing: the running ' +
    'configuration stays, and the error is logged. SIGHUP and "shellac reload" work in either case.',
  example: 'watch off;',
})

export const debounce = directive({
  name: 'debounce',
  shape: one(duration),
  defaultText: '200ms',
  phase: 'start',
  doc: 'How long files must lie still before they are loaded; an editor or a deployment writes several times.',
  example: 'debounce 1s;',
})

export const strict = directive({
  name: 'strict',
  shape: nothing,
  phase: 'start',
  doc:
    'Refuses a start or a reload while the machine does not fit the configuration: the name of a server that does not ' +
    'resolve, a log file that cannot be written. Without it these are faults of the hour: they are logged, and the ' +
    'daemon serves what it can. "shellac check" asks for none of them in either case.',
  example: 'strict;',
  peers: ['init-addr'],
})

export const requireTests = directive({
  name: 'require',
  shape: one(oneOf('tests')),
  phase: 'start',
  doc:
    'Refuses a reload with a configuration whose test blocks fail, as one with an error is refused. A start is not ' +
    'refused, for a machine that comes up must serve; the failures are logged.',
  example: 'require tests;',
})

export const reloadContext: Context = {
  name: 'reload',
  doc: 'When the configuration is read again, and when it is refused.',
  directives: [watch, debounce, strict, requireTests],
}

interface AdminListen {
  readonly path: string
  readonly mode: number
}

const adminListenShape: Shape<AdminListen> = {
  syntax: `${adminAddress.syntax} [mode ${fileMode.syntax}]`,
  read(reader) {
    const path = reader.next(adminAddress)
    if (path === undefined) return undefined
    const mode = reader.takeWord('mode') ? reader.next(fileMode) : 0o600
    return mode === undefined ? undefined : { path, mode }
  },
}

export const adminListen = directive({
  name: 'listen',
  shape: adminListenShape,
  isRequired: true,
  phase: 'start',
  doc:
    'The unix socket that "shellac status", "reload", "stats", "purge" and "stop" talk to. Who may write to the file may ' +
    'control the daemon, so its mode is 0600 unless "mode" says otherwise.',
  example: 'listen unix:/run/shellac/admin.sock mode 0660;',
  peers: ['stats socket', 'stats', 'cachemgr_passwd'],
})

export const adminContext: Context = {
  name: 'admin',
  doc: 'The control socket.',
  directives: [adminListen],
}

export const processBlock = directive({
  name: 'process',
  shape: nothing,
  block: 'process',
  phase: 'start',
  doc: 'How the process runs: its threads, its user, its end.',
  example: 'process { workers auto; drain 30s; }',
  peers: ['global', 'daemon', 'master_process'],
})

export const reloadBlock = directive({
  name: 'reload',
  shape: nothing,
  block: 'reload',
  phase: 'start',
  doc:
    'When the configuration is read again. What did not change keeps its connections, its counters and its ' +
    'contents.',
  example: 'reload { watch on; debounce 200ms; }',
})

export const adminBlock = directive({
  name: 'admin',
  shape: nothing,
  block: 'admin',
  phase: 'start',
  doc:
    'The control socket. Without this block there is none, and the commands that talk to a running daemon do not ' +
    'work.',
  example: 'admin { listen unix:/run/shellac/admin.sock mode 0660; }',
})
