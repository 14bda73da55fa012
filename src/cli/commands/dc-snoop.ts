/** `shellac dc-snoop`, dc_snoop: stands between clients and a session server, and prints a line for each frame. */
import { type Address, resolveAddress } from '../../distcache/address.ts'
import { frameText } from '../../distcache/snoop-frame.ts'
import { Snooper } from '../../distcache/snooper.ts'
import { type DcProgram, dcCommand } from '../dc-command.ts'
import { type DcValues, dcAddress, dcLenientNumber } from '../dc-options.ts'
import { type DcService, runDcProcess, type Say, warnOfStrangers } from '../dc-process.ts'
import type { Terminal } from '../terminal.ts'

const DEFAULT_CONNECTIONS = 10
const MAX_CONNECTIONS = 1000

export const dcSnoopProgram: DcProgram = {
  name: 'dc-snoop',
  doc: 'show what clients and a session server say to each other',
  options: [
    { name: 'listen', value: 'ADDRESS', doc: 'where clients connect: UNIX:/path or IP:host:port' },
    {
      name: 'server',
      value: 'ADDRESS',
      aliases: ['connect'],
      doc: 'the server, or agent, that they are connected to; also called -connect',
    },
    {
      name: 'connections',
      value: 'NUMBER',
      doc: `connections at a time, others wait; default ${DEFAULT_CONNECTIONS}, at most ${MAX_CONNECTIONS}`,
    },
    { name: 'json', value: undefined, doc: 'print each frame as a line of JSON on standard output' },
    {
      name: 'show-secrets',
      value: undefined,
      doc: 'print ids and sessions, which are as good as the keys of connections',
    },
  ],
  run: (values, terminal) => {
    const listen = dcAddress(values, 'listen', 'listen')
    const server = dcAddress(values, 'server', 'connect')
    const range = { usual: DEFAULT_CONNECTIONS, min: 1, max: MAX_CONNECTIONS }
    const connections = dcLenientNumber(values, 'connections', range)
    return runDcProcess(new Map(), terminal, listen, (address, say) =>
      open({ listen: address, server, connections }, values, say, terminal),
    )
  },
}

export const dcSnoop = dcCommand(dcSnoopProgram)

interface Settings {
  readonly listen: Address
  readonly server: Address
  readonly connections: number
}

/** Rejects with an Error for the operator. */
async function open(settings: Settings, values: DcValues, say: Say, terminal: Terminal): Promise<DcService> {
  const listen = await resolveAddress(settings.listen)
  const isJson = values.has('json')
  const snooper = await Snooper.open({
    listen,
    connect: await resolveAddress(settings.server),
    connections: settings.connections,
    showsSecrets: values.has('show-secrets'),
    onFrame: (frame) => {
      if (isJson) terminal.out(`${JSON.stringify(frame)}\n`)
      else terminal.err(`${frameText(frame)}\n`)
    },
    onNotice: (text) => say('Info', text),
  })
  warnOfStrangers(listen, false, say)
  return { close: () => snooper.close() }
}
