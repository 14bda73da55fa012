/**
 * Addresses as twemproxy writes them, read from the right: the last colon begins the weight of a server, the one before it its
 * port, and so an IPv6 address stands without brackets. A path begins with `/`.
 */
import { isIPv6 } from 'node:net'
import type { ListenAddress } from '../../plan/plan.ts'
import { serverLabel } from '../../ring/label.ts'
import { readServerAddress } from '../values/address.ts'
import type { ImportedServer } from './imported-pool.ts'
import type { OptionReader } from './option-reader.ts'
import type { YamlText } from './yaml-pools.ts'

/** Of our language. */
const MAX_WEIGHT = 1_000_000
const MAX_SOCKET_PATH = 107
const MAX_MODE = 0o777

/** Where a pool listens: `host:port`, `/path`, `/path 0660`. undefined: reported. */
export function readListen(
  at: YamlText,
  reader: OptionReader,
): { readonly listen: ListenAddress; readonly mode: number | undefined } | undefined {
  if (!at.text.startsWith('/')) {
    const listen = readHostPort(at, at.text, reader)
    return listen === undefined ? undefined : { listen, mode: undefined }
  }
  const [, path = '', digits] = /^(\S*)(?:\s+(\S+))?$/.exec(at.text) ?? []
  if (digits !== undefined && (!/^[0-7]{1,4}$/.test(digits) || Number.parseInt(digits, 8) > MAX_MODE)) {
    return reader.error(at, 'bad-mode', `"${digits}" is not the mode of a file`, 'write octal digits: 0660')
  }
  const listen = readPath(at, path, reader)
  if (listen === undefined) return undefined
  return { listen, mode: digits === undefined ? undefined : Number.parseInt(digits, 8) }
}

/** `host:port:weight [name]` or `/path:weight [name]`. undefined: reported. */
function readServer(at: YamlText, reader: OptionReader): ImportedServer | undefined {
  const space = at.text.lastIndexOf(' ')
  const name = space === -1 ? undefined : at.text.slice(space + 1)
  const rest = space === -1 ? at.text : at.text.slice(0, space).trimEnd()
  const colon = rest.lastIndexOf(':')
  if (colon === -1) {
    return reader.error(at, 'bad-server', `"${at.text}" is no server`, 'write host:port:weight or /path:weight')
  }
  if (name !== undefined && !/^[!-~]{1,200}$/.test(name)) {
    return reader.error(
      at,
      'bad-name',
      `"${name}" cannot be the name of a server`,
      'take up to 200 visible ASCII letters',
    )
  }
  const weight = rest.slice(colon + 1)
  if (!/^\d{1,7}$/.test(weight) || Number(weight) < 1 || Number(weight) > MAX_WEIGHT) {
    return reader.error(at, 'bad-weight', `the weight "${weight}" is not a number from 1 to ${MAX_WEIGHT}`)
  }
  const where = rest.slice(0, colon)
  const address = where.startsWith('/') ? readPath(at, where, reader) : readHostPort(at, where, reader)
  return address === undefined ? undefined : { name, address, weight: Number(weight) }
}

/** All of them, as `change` makes them; two with one label are reported, as nobody could tell them apart. */
export function readServers(
  list: readonly YamlText[],
  reader: OptionReader,
  change: (server: ImportedServer) => ImportedServer = (server) => server,
): ImportedServer[] {
  const seen = new Set<string>()
  return list.flatMap((at) => {
    const read = readServer(at, reader)
    if (read === undefined) return []
    const server = change(read)
    const label = serverLabel(server.name, server.address)
    if (seen.has(label)) reader.error(at, 'duplicate-server', `another server of the pool is called "${label}" too`)
    seen.add(label)
    return [server]
  })
}

function readPath(at: YamlText, path: string, reader: OptionReader): ListenAddress | undefined {
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH) return { kind: 'unix', path, mode: 0 }
  return reader.error(at, 'bad-address', `the path of a socket has at most ${MAX_SOCKET_PATH} bytes`)
}

/** Of what is a host to twemproxy, our language takes what is one to DNS as well. */
function readHostPort(at: YamlText, text: string, reader: OptionReader): ListenAddress | undefined {
  const colon = text.lastIndexOf(':')
  const host = text.slice(0, Math.max(colon, 0))
  const port = text.slice(colon + 1)
  if (host === '') return reader.error(at, 'bad-address', `"${text}" is no address`, 'write host:port')
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
    return reader.error(at, 'bad-port', `the port "${port}" is not a number from 1 to 65535`)
  }
  const ours = `${isIPv6(host) ? `[${host}]` : host}:${port}`
  const read = readServerAddress({ kind: 'bare', text: ours, secret: false, substituted: false, span: at.span })
  return read.ok ? read.value : reader.error(at, 'bad-address', `"${host}" is no name or address of a host`)
}
