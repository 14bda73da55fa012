/** `shellac dc-client`, dc_client: the agent through which the programs of a machine reach the session server of the fleet. */
import { type Address, addressText, isLocal, resolveAddress } from '../../distcache/address.ts'
import { Agent } from '../../distcache/agent.ts'
import { type DcProgram, dcCommand } from '../dc-command.ts'
import { type DcValues, dcAddress, dcStrictNumber } from '../dc-options.ts'
import { type DcService, dcProcessOptions, runDcProcess, type Say, warnOfStrangers } from '../dc-process.ts'
import { dcTlsOptions, readDcClientTls } from '../dc-tls.ts'

const DEFAULT_LISTEN = 'UNIX:/tmp/scache'
const DEFAULT_RETRY_MS = 5000
/** An hour. */
const MAX_MS = 3_600_000

interface Settings {
  readonly server: Address
  readonly retryMs: number
  readonly idleMs: number
}

export const dcClientProgram: DcProgram = {
  name: 'dc-client',
  doc: 'reach a session server over one connection for all programs of this machine',
  options: [
    {
      name: 'listen',
      value: 'ADDRESS',
      doc: `where local programs connect: UNIX:/path or IP:host:port; default ${DEFAULT_LISTEN}`,
    },
    {
      name: 'server',
      value: 'ADDRESS',
      aliases: ['connect'],
      once: true,
      doc: 'the session server: IP:host:port, IP:[IPv6 address]:port or UNIX:/path; also called -connect',
    },
    {
      name: 'retry',
      value: 'MS',
      doc: `milliseconds from a lost server, or an attempt that failed, to the next attempt; default ${DEFAULT_RETRY_MS}`,
    },
    {
      name: 'idle',
      value: 'MS',
      doc: 'close local connections without a request for so many milliseconds; default 0, never',
    },
    ...dcProcessOptions,
    ...dcTlsOptions,
    {
      name: 'careful',
      value: undefined,
      doc: 'for a server or clients of the original: one request with the server at a time, and messages that they misread (2048k + 2021 to 2024 bytes) in two pieces',
    },
  ],
  run: (values, terminal) => {
    const listen = dcAddress(values, 'listen', 'listen', DEFAULT_LISTEN)
    const settings = readSettings(values)
    return runDcProcess(values, terminal, listen, (address, say) => open(address, settings, values, say))
  },
}

export const dcClient = dcCommand(dcClientProgram)

/** Throws a UsageError. */
function readSettings(values: DcValues): Settings {
  return {
    server: dcAddress(values, 'server', 'connect'),
    retryMs: dcStrictNumber(values, 'retry', { usual: DEFAULT_RETRY_MS, min: 1, max: MAX_MS }),
    idleMs: dcStrictNumber(values, 'idle', { usual: 0, min: 0, max: MAX_MS }),
  }
}

/** Rejects with an Error for the operator. The server is connected to when the process is who it is to be. */
async function open(address: Address, settings: Settings, values: DcValues, say: Say): Promise<DcService> {
  const tls = readDcClientTls(values, settings.server)
  const server = await resolveAddress(settings.server)
  const listen = await resolveAddress(address)
  const { retryMs, idleMs } = settings
  const agent = await Agent.listen({
    listen,
    connect: server,
    retryMs,
    idleMs,
    tls,
    careful: values.has('careful'),
    onNotice: (text) => say('Info', text),
  })
  warnOfStrangers(listen, false, say)
  if (tls === undefined && !isLocal(server)) {
    say(
      'Warning',
      `sessions travel to ${addressText(server)} for everybody to read: use -tls-cert, -tls-key and -tls-ca`,
    )
  }
  return { begin: () => agent.begin(), close: () => agent.close() }
}
