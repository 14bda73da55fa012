/** The openssl program as a client of TLS, and a scripted client over Node's TLS. */
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { onTestEnd } from './cleanup.ts'
import { runProgram } from './process.ts'
import { ScriptedClient } from './scripted-client.ts'

/** What `openssl s_client` tells of a handshake. */
export interface Seen {
  /** `TLSv1.3`; undefined: there was no handshake. */
  readonly version: string | undefined
  readonly cipher: string | undefined
  /** CN of the certificate that was shown. */
  readonly commonName: string | undefined
  /** Subjects of all that were sent. */
  readonly chain: readonly string[]
  /** `ok`, or what openssl has against them. */
  readonly verified: string | undefined
  readonly alpn: string | undefined
  /** `X25519`, `X25519MLKEM768` ... */
  readonly group: string | undefined
  /** `ECDSA`, `RSA-PSS` ... */
  readonly signature: string | undefined
  /** Number of the alert that the server sent. */
  readonly alert: number | undefined
  readonly stapled: boolean
  readonly hasSecureRenegotiation: boolean
  /** What the server sent behind the handshake, and everything openssl said. */
  readonly text: string
}

/** Connects, says `input`, and waits for the end; without `input` it leaves after the handshake. */
export async function sClient(port: number, args: readonly string[], input = ''): Promise<Seen> {
  const all = ['s_client', '-connect', `127.0.0.1:${port}`, ...(input === '' ? [] : ['-ign_eof']), ...args]
  const { stdout, stderr } = await runProgram('openssl', all, { input, env: { OPENSSL_CONF: '' } })
  const text = stdout + stderr
  const found = (pattern: RegExp): string | undefined => pattern.exec(text)?.[1]
  const cipher = found(/Cipher is (\S+)/)
  const alert = found(/SSL alert number (\d+)/)
  return {
    version: cipher === '(NONE)' ? undefined : found(/^New, (TLSv[\d.]+), Cipher/m),
    cipher: cipher === '(NONE)' ? undefined : cipher,
    commonName: found(/^subject=.*?CN = ([^,\n]*)/m),
    chain: [...text.matchAll(/^ \d+ s:(.*)$/gm)].map(([, subject = '']) => subject),
    verified: found(/Verify return code: \d+ \((.*)\)/),
    alpn: found(/^ALPN protocol: (\S+)/m),
    group: found(/^Server Temp Key: (?:ECDH, )?([^,\n]+)/m),
    signature: found(/^Peer signature type: (\S+)/m),
    alert: alert === undefined ? undefined : Number(alert),
    stapled: text.includes('OCSP Response Status: successful'),
    hasSecureRenegotiation: text.includes('Secure Renegotiation IS supported'),
    text,
  }
}

/** A client over TLS that trusts everybody; rejects with the error of the handshake. Closed when the test ends. */
export async function connectSecure(
  port: number,
  options: ConnectionOptions = {},
): Promise<ScriptedClient & { readonly socket: TLSSocket }> {
  const socket = connect({
    port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
    ...options,
  })
  onTestEnd(() => void socket.destroy())
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve)
    socket.once('error', reject)
  })
  socket.removeAllListeners('error')
  return new ScriptedClient(socket) as ScriptedClient & { readonly socket: TLSSocket }
}
