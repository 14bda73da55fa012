/** examples/grpc.conf does what its first lines say. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { makeAuthority } from '../support/certificates.ts'
import { startShellac } from '../support/daemon.ts'
import { answerOf, connectH2, fieldOf } from '../support/h2-client.ts'
import { startH2Origin } from '../support/h2-origin.ts'
import { answerWith, startTlsOrigin } from '../support/tls-origin.ts'

test('calls of gRPC and the pages of the application come from their servers, over TLS on both sides', async () => {
  const authority = makeAuthority()
  const service = authority.issue({ names: ['orders.internal'] })
  const client = authority.issue({ names: ['proxy.internal'], usage: 'clientAuth' })
  const shop = authority.issue({ names: ['shop.example.com'] })
  const subjects: unknown[] = []
  const ca = readFileSync(authority.certificate)
  const orders = await startH2Origin(
    service,
    (stream) => {
      const { socket } = stream.session as { socket?: { getPeerCertificate?(): { subject: { CN: string } } } }
      subjects.push(socket?.getPeerCertificate?.().subject.CN)
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.pipe(stream)
    },
    { ca, requestCert: true, rejectUnauthorized: true },
  )
  const app = await startTlsOrigin(authority.issue({ names: ['app.internal'] }), answerWith('a page'))
  const shellac = await startShellac({
    config: { file: fileURLToPath(new URL('../../examples/grpc.conf', import.meta.url)) },
    env: {
      LISTEN: '%listen%',
      SERVICE: `127.0.0.1:${orders.port}`,
      APP: `127.0.0.1:${app.port}`,
      CERTIFICATE: shop.certificate,
      KEY: shop.key,
      INTERNAL_CA: authority.certificate,
      CLIENT_CERTIFICATE: client.certificate,
      CLIENT_KEY: client.key,
    },
  })
  const h2 = await connectH2(`https://127.0.0.1:${shellac.port}`)
  const host = { ':authority': 'shop.example.com' }
  const fields = { 'content-type': 'application/grpc', te: 'trailers' }
  const call = h2.open({ ...host, ':method': 'POST', ':path': '/shop.v1.Orders/Place', ...fields })
  call.end('a call')
  const answer = await answerOf(call)
  assert.deepEqual([answer.status, answer.body.toString()], [200, 'a call'])
  assert.equal(fieldOf(answer.trailers ?? [], 'grpc-status'), '0')
  assert.deepEqual(subjects, ['proxy.internal'])
  assert.equal((await h2.get('/', host)).body.toString(), 'a page')
})
