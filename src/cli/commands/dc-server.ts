/** `shellac dc-server`, dc_server: keeps TLS sessions for distcache's clients, and for stunnel. */
import { type Address, parseAddress, resolveAddress } from '../../distcache/address.ts'
import { DEFAULT_SESSIONS, MAX_SESSIONS, MIN_SESSIONS } from '../../distcache/limits.ts'
import { OperationCount } from '../../distcache/operation-count.ts'
import { DistcacheServer, type ServerOptions } from '../../distcache/server.ts'
import { SessionStore } from '../../distcache/session-store.ts'
import { StunnelServer } from '../../distcache/stunnel-server.ts'
import { type DcProgram, dcCommand } from '../dc-command.ts'
import { type DcValues, dcAddress, dcLenientNumber } from '../dc-options.ts'
import {
  type DcService,
  dcProcessOptions,
  listenOrSayWhere,
  runDcProcess,
  type Say,
  warnOfStrangers,
} from '../dc-process.ts'
import { DcProgress } from '../dc-progress.ts'
import { dcStoreOptions, openDcStore } from '../dc-store.ts'
import { dcTlsOptions, readDcTls } from '../dc-tls.ts'
import { UsageError } from '../options.ts'

const MAX_PROGRESS = 1_000_000
/** Sessions that expire show in the report so soon, also where nobody asks for them. */
const TICK_MS = 500

interface Settings {
  readonly listen: Address
  readonly sessiond: (Address & { kind: 'tcp' }) | undefined
  readonly sessions: number
  readonly progress: number
}

export const dcServerProgram: DcProgram = {
  name: 'dc-server',
  doc: 'keep TLS sessions for the distcache clients of a fleet, and for stunnel',
  options: [
    {
      name: 'listen',
      value: 'ADDRESS',
      doc: 'where to listen: IP:host:port, IP:[IPv6 address]:port, IP:port or UNIX:/path',
    },
    {
      name: 'sessions',
      value: 'NUMBER',
      doc: `most sessions kept, ${MIN_SESSIONS} to ${MAX_SESSIONS}; default ${DEFAULT_SESSIONS}`,
    },
    { name: 'progress', value: 'NUMBER', doc: 'report at least every so many operations; default 0' },
    ...dcProcessOptions,
    { name: 'sessiond', value: 'HOST:PORT', doc: "answer stunnel's sessiond protocol there, over UDP" },
    ...dcStoreOptions,
    ...dcTlsOptions,
    {
      name: 'careful',
      value: undefined,
      doc: 'send the few responses that original programs misread (2048k + 2021 to 2024 bytes) in two pieces',
    },
  ],
  run: (values, terminal) => {
    const settings = readSettings(values)
    return runDcProcess(values, terminal, settings.listen, (address, say) =>
      open({ ...settings, listen: address }, values, say, terminal.err),
    )
  },
}

export const dcServer = dcCommand(dcServerProgram)

/** Throws a UsageError. */
function readSettings(values: DcValues): Settings {
  return {
    listen: dcAddress(values, 'listen', 'listen'),
    sessiond: readSessiond(values.get('sessiond')),
    sessions: dcLenientNumber(values, 'sessions', { usual: DEFAULT_SESSIONS, min: MIN_SESSIONS, max: MAX_SESSIONS }),
    progress: dcLenientNumber(values, 'progress', { usual: 0, min: 0, max: MAX_PROGRESS }),
  }
}

/** As stunnel writes it, `HOST:PORT` or `PORT`; `[IPv6 address]:PORT` besides. */
function readSessiond(text: string | undefined): Settings['sessiond'] {
  if (text === undefined) return undefined
  const read = parseAddress(`IP:${text}`, 'listen')
  if (!read.ok || read.address.kind !== 'tcp') throw new UsageError(`-sessiond is HOST:PORT, not "${text}"`)
  return read.address
}

/** Rejects with an Error for the operator. */
async function open(settings: Settings, values: DcValues, say: Say, err: (text: string) => void): Promise<DcService> {
  const tls = readDcTls(values)
  const pool = openDcStore(values, say)
  const memory = pool === undefined ? new SessionStore(settings.sessions) : undefined
  const sessions = pool?.sessions ?? memory!
  const count = new OperationCount(settings.progress, () => progress.report())
  const progress = new DcProgress(settings.progress, {
    count,
    sessions: () => countSessions(memory),
    now: () => performance.now(),
    print: (line) => err(line),
  })
  const listen = await resolveAddress(settings.listen)
  const options: ServerOptions = {
    sessions,
    count,
    tls,
    careful: values.has('careful'),
    onRefused: oncePer(TICK_MS, () => say('Warning', 'too many connections: a new one was closed')),
  }
  const server = await listenOrSayWhere(listen, () => DistcacheServer.open(listen, options))
  warnOfStrangers(listen, tls !== undefined, say)
  const stunnel = await openStunnel(settings, sessions, count, say)
  const timer = setInterval(() => progress.tick(), TICK_MS)
  return {
    close: () => {
      clearInterval(timer)
      server.close()
      stunnel?.close()
      pool?.close()
      memory?.clear()
    },
  }
}

async function openStunnel(
  { sessiond }: Settings,
  sessions: SessionStore | NonNullable<ReturnType<typeof openDcStore>>['sessions'],
  count: OperationCount,
  say: Say,
): Promise<StunnelServer | undefined> {
  if (sessiond === undefined) return undefined
  const address = (await resolveAddress(sessiond)) as Address & { kind: 'tcp' }
  warnOfStrangers(address, false, say)
  return listenOrSayWhere(address, () => StunnelServer.open(address, { sessions, count }))
}

/** Those in a pool are nobody's to count. */
function countSessions(memory: SessionStore | undefined): number {
  memory?.expire(performance.now())
  return memory?.count ?? 0
}

/** Calls that come sooner after the last are dropped: a stranger must not fill the log. */
function oncePer(periodMs: number, call: () => void): () => void {
  let lastMs = Number.NEGATIVE_INFINITY
  return () => {
    if (performance.now() - lastMs < periodMs) return
    lastMs = performance.now()
    call()
  }
}
