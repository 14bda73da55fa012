/** Certificates come and go under a daemon that serves: nobody is disconnected, and what is broken changes nothing. */
import assert from 'node:assert/strict'
import { chmodSync, copyFileSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { EXIT_START } from '../../src/daemon/exit-codes.ts'
import { reload, statsOf, statusOf } from '../support/admin.ts'
import { type Issued, type IssueOptions, makeAuthority } from '../support/certificates.ts'
import { type Daemon, launchShellac, runShellac, startShellac } from '../support/daemon.ts'
import { connectSecure } from '../support/s-client.ts'
import { tempDir } from '../support/temp.ts'
import { waitFor } from '../support/wait.ts'

const HOOK = fileURLToPath(new URL('./daemon-crash-hook.ts', import.meta.url))

const ca = makeAuthority()

function issue(commonName: string, options: IssueOptions = {}): Issued {
  return ca.issue({ names: ['shop.example.com'], commonName, ...options })
}

/** A folder that certificates are put into one after the other. */
function makeFolder(): { readonly dir: string; readonly put: (issued: Issued, name?: string) => void } {
  const dir = tempDir('certificates-')
  const put = (issued: Issued, name = 'shop'): void => {
    for (const [from, kind] of [
      [issued.key, 'key'],
      [issued.chain, 'crt'],
    ] as const) {
      copyFileSync(from, join(dir, 'new'))
      renameSync(join(dir, 'new'), join(dir, `${name}.${kind}`))
    }
  }
  return { dir, put }
}

const HEAD = `shellac 1;
  process { workers 2; drain 1s; }
  reload { debounce 20ms; }
  admin { listen unix:%dir%/admin.sock; }
`

const listener = (certificates: string): string =>
  `listener web { address %listen%; tls { ${certificates} } } site * { route all { path /**; respond 200 "served"; } }`

const ofFolder = (dir: string, name = 'shop'): string => `certificate ${dir}/${name}.crt key ${dir}/${name}.key;`

/** The common name that a new client is shown. */
async function shown(port: number, servername = 'shop.example.com'): Promise<string> {
  const client = await connectSecure(port, { servername })
  const name = String(client.socket.getPeerCertificate().subject.CN)
  // TLS 1.3 is done for a client before it is for the server; an answer is the proof that it is for both.
  assert.equal((await client.get('/')).status, 200)
  client.socket.destroy()
  return name
}

/** By every worker, as far as some connections in a row can tell. */
async function allShow(port: number, name: string): Promise<boolean> {
  for (let i = 0; i < 8; i++) if ((await shown(port)) !== name) return false
  return true
}

test('a renewed certificate is shown without a reload, and connections stay', async () => {
  const { dir, put } = makeFolder()
  put(issue('one'))
  const shellac = await startShellac({ config: HEAD + listener(ofFolder(dir)) })
  const open = await Promise.all(Array.from({ length: 8 }, () => connectSecure(shellac.port)))
  for (const client of open) await client.get('/')
  put(issue('two'))
  await shellac.waitForLog('certificate renewed')
  await waitFor('the new certificate', () => allShow(shellac.port, 'two'))
  for (const client of open) assert.equal((await client.get('/')).body.toString(), 'served')
  assert.equal((await statusOf(shellac)).generation, 1)
  assert.ok(shellac.logs().every(({ msg }) => msg !== 'reloaded'))
})

test('links that are swapped as certbot swaps them are followed', async () => {
  const { dir, put } = makeFolder()
  const live = join(dir, 'live', 'shop.example.com')
  mkdirSync(live, { recursive: true })
  const turn = (name: string): void => {
    for (const kind of ['crt', 'key']) {
      symlinkSync(join('..', '..', `${name}.${kind}`), join(live, 'next'))
      renameSync(join(live, 'next'), join(live, `shop.${kind}`))
    }
  }
  put(issue('one'), 'one')
  turn('one')
  const shellac = await startShellac({ config: HEAD + listener(ofFolder(live)) })
  for (const name of ['two', 'three']) {
    put(issue(name), name)
    turn(name)
    await waitFor(`certificate ${name}`, () => allShow(shellac.port, name))
  }
})

test('no handshake and no request fails while certificates are renewed again and again', async () => {
  const { dir, put } = makeFolder()
  put(issue('0'))
  const shellac = await startShellac({ config: HEAD + listener(ofFolder(dir)) })
  let isOver = false
  let requests = 0
  const kept = await connectSecure(shellac.port)
  const keep = async (): Promise<void> => {
    while (!isOver) {
      assert.equal((await kept.get('/')).status, 200)
      requests++
    }
  }
  const come = async (): Promise<void> => {
    while (!isOver) {
      const client = await connectSecure(shellac.port, { servername: 'shop.example.com' })
      assert.equal((await client.get('/')).status, 200)
      client.socket.destroy()
      requests++
    }
  }
  const load = Promise.all([keep(), come(), come()])
  for (let i = 1; i <= 10; i++) {
    put(issue(String(i)))
    await waitFor(`certificate ${i}`, () => allShow(shellac.port, String(i)))
  }
  isOver = true
  await load
  assert.ok(requests > 20)
  assert.equal((await statsOf(shellac)).counters.tlsFailures, 0)
})

test('a broken renewal keeps the old certificate, says which file is to blame, and is made good', async () => {
  const { dir, put } = makeFolder()
  put(issue('good'))
  const shellac = await startShellac({ config: HEAD + listener(ofFolder(dir)) })
  const breaks: [file: string, text: string, error: string][] = [
    ['shop.key', readFileSync(issue('other').key, 'utf8'), 'holds a key that is not that of the certificate'],
    ['shop.crt', 'nonsense', 'holds no certificate in PEM'],
    ['shop.crt', readFileSync(issue('late', { fromDays: -9, untilDays: -2 }).chain, 'utf8'), 'holds a key that'],
  ]
  let seen = shellac.logs().length
  for (const [file, text, error] of breaks) {
    put(issue('good'))
    await waitFor('no problem', async () => (await statusOf(shellac)).certificates[0]?.problem === null)
    seen = shellac.logs().length
    writeFileSync(join(dir, 'new'), text)
    renameSync(join(dir, 'new'), join(dir, file))
    const told = await shellac.waitForLog('certificate cannot be used; the old one stays', seen)
    assert.deepEqual(
      [told.level, told.file, told.listener],
      ['error', join(dir, told.error === error ? file : 'shop.key'), 'web'],
    )
    assert.ok(String(told.error).startsWith(error), String(told.error))
    assert.equal(await shown(shellac.port), 'good')
  }
  const [status] = (await statusOf(shellac)).certificates
  assert.match(status?.problem ?? '', /shop\.(crt|key) \(\S+shellac\.conf:\d+\) holds/)
  assert.match((await shellac.command('status')).stdout, /NOT RENEWED: \S+ \(\S+:\d+\) holds/)
  put(issue('better'))
  await waitFor('the next one', () => allShow(shellac.port, 'better'))
  assert.equal((await statusOf(shellac)).certificates[0]?.problem, null)
})

test('a start fails where a listener has nothing to show, and says why', async () => {
  const { dir, put } = makeFolder()
  put(issue('one'))
  copyFileSync(issue('other').key, join(dir, 'shop.key'))
  const shellac = await launchShellac({ config: HEAD + listener(`${ofFolder(dir)} ${ofFolder(dir, 'none')}`) })
  assert.equal(await shellac.process.waitForExit(), EXIT_START)
  const said = shellac.process.lines.join('\n')
  assert.match(
    said,
    /listener "web" has no certificate that can be used: \S+shop\.key \(\S+shellac\.conf:\d+\) holds a key/,
  )
  assert.match(said, /none\.crt \(\S+shellac\.conf:\d+\) cannot be read: there is no such file/)
})

test('the checker asks nothing of the machine, the start does', async () => {
  const config = join(tempDir(), 'shellac.conf')
  writeFileSync(config, HEAD.replaceAll('%dir%', '/run') + listener(ofFolder('/nowhere')).replace('%listen%', '*:443'))
  const { code, stdout, stderr } = await runShellac(['-c', config, 'check'])
  assert.deepEqual([code, stderr], [0, ''], stdout)
})

test('a reload changes certificates with the rest, or nothing at all', async () => {
  const { dir, put } = makeFolder()
  put(issue('one'))
  put(issue('two'), 'two')
  const shellac = await startShellac({ config: HEAD + listener(ofFolder(dir)) })
  const client = await connectSecure(shellac.port)
  await shellac.reload(HEAD + listener(ofFolder(dir, 'two')))
  await waitFor('the other certificate', () => allShow(shellac.port, 'two'))
  assert.equal((await client.get('/')).body.toString(), 'served')
  await shellac.writeConfig(HEAD + listener(ofFolder(dir, 'none')))
  const refused = await reload(shellac)
  assert.equal(refused.ok, false)
  assert.match(refused.summary, /listener "web" has no certificate that can be used: .*; the old configuration stays/)
  assert.ok(await allShow(shellac.port, 'two'))
  await shellac.writeConfig(
    HEAD.replace('debounce 20ms;', 'strict;') + listener(`${ofFolder(dir)} ${ofFolder(dir, 'none')}`),
  )
  assert.match((await reload(shellac)).summary, /none\.crt \(\S+\) cannot be read: .* \(reload \{ strict; \}\)/)
  await shellac.reload(HEAD + listener(`${ofFolder(dir)} ${ofFolder(dir, 'none')}`))
  await waitFor('the first certificate', () => allShow(shellac.port, 'one'))
})

test('a worker that takes the place of another shows what has been renewed', async () => {
  const { dir, put } = makeFolder()
  put(issue('one'))
  const shellac = await startShellac({
    config: HEAD + listener(ofFolder(dir)),
    nodeArgs: ['--import', HOOK],
    env: { CRASH_FILE: '%dir%/crash' },
  })
  put(issue('two'))
  await waitFor('the new certificate', () => allShow(shellac.port, 'two'))
  for (const worker of ['0', '1']) {
    const before = (await statusOf(shellac)).workerRestarts
    writeFileSync(join(shellac.dir, 'crash'), worker)
    await waitFor('another worker', async () => (await statusOf(shellac)).workerRestarts > before)
  }
  assert.ok(await allShow(shellac.port, 'two'))
})

test('keys that only root may read are read before root is given up; renewals must be readable', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('only root can give up root')
  const { dir, put } = makeFolder()
  chmodSync(dir, 0o755)
  const secret = (issued: Issued): void => {
    chmodSync(issued.key, 0o600)
    put(issued)
  }
  secret(issue('one'))
  const user = HEAD.replace('workers 2;', 'workers 2; user nobody; group nogroup;')
  const shellac = await startShellac({ config: user + listener(ofFolder(dir)) })
  assert.equal(await shown(shellac.port), 'one')
  secret(issue('two'))
  const told = await shellac.waitForLog('certificate cannot be used; the old one stays')
  assert.match(String(told.error), /cannot be read: user "nobody" has no permission|holds a key that is not that/)
  assert.equal(await shown(shellac.port), 'one')
  const readable = issue('three')
  chmodSync(readable.key, 0o644)
  put(readable)
  await waitFor('a key for everybody', () => allShow(shellac.port, 'three'))
})

test('the end of a certificate is foretold in log, status and statistics', async () => {
  const { dir, put } = makeFolder()
  put(issue('soon', { untilDays: 10.5 }))
  put(issue('late', { fromDays: -9, untilDays: -1.5, keyType: 'rsa' }), 'late')
  const shellac = await startShellac({ config: HEAD + listener(`${ofFolder(dir)} ${ofFolder(dir, 'late')}`) })
  const soon = await shellac.waitForLog('certificate expires soon')
  assert.deepEqual([soon.level, soon.days, soon.file], ['warn', 10, join(dir, 'shop.crt')])
  const late = await shellac.waitForLog('certificate has expired')
  assert.deepEqual([late.level, late.days, late.names], ['error', -2, ['shop.example.com']])
  const { certificates } = await statsOf(shellac)
  assert.deepEqual(
    certificates.map(({ listener, keyType, expiry, expiresInSec }) => [listener, keyType, expiry, expiresInSec > 0]),
    [
      ['web', 'ec', 'soon', true],
      ['web', 'rsa', 'expired', false],
    ],
  )
  const { stdout } = await shellac.command('status')
  assert.match(stdout, /web +shop\.example\.com +ec +20\S+Z +10 days +- +\S+shop\.crt/)
  assert.match(stdout, /web +shop\.example\.com +rsa +20\S+Z +EXPIRED +- +\S+late\.crt/)
})

test('no key is ever shown', async () => {
  const issued = issue('secret')
  const shellac = await startShellac({
    files: { 'key.pem': readFileSync(issued.key, 'utf8'), 'cert.pem': readFileSync(issued.chain, 'utf8') },
    config: HEAD + listener('certificate ${file:cert.pem} key ${file:key.pem};'),
  })
  assert.equal(await shown(shellac.port), 'secret')
  const key = readFileSync(issued.key, 'utf8').split('\n')[1]!
  const commands = [['status'], ['status', '--json'], ['stats', '--json'], ['config', 'show'], ['reload'], ['routes']]
  const outputs = await Promise.all(
    commands.map(async (command) => `${JSON.stringify(await shellac.command(...command))}`),
  )
  for (const text of [...outputs, shellac.process.lines.join('\n')]) assert.ok(!text.includes(key))
  // Not by a mistake either.
  await shellac.writeConfig(HEAD + listener('certificate ${file:cert.pem} key ${file:key.pem} ${file:key.pem};'))
  assert.ok(!JSON.stringify(await shellac.command('check')).includes(key))
})

test('a secret that changes is a reload like any other', async () => {
  const [one, two] = [issue('one'), issue('two')]
  const text = (path: string): string => readFileSync(path, 'utf8')
  const shellac: Daemon = await startShellac({
    files: { 'both.pem': text(one.both) },
    config: HEAD + listener('certificate ${file:both.pem};'),
  })
  assert.equal(await shown(shellac.port), 'one')
  writeFileSync(join(shellac.dir, 'new'), text(two.both))
  renameSync(join(shellac.dir, 'new'), join(shellac.dir, 'both.pem'))
  await waitFor('the other secret', () => allShow(shellac.port, 'two'))
  assert.ok((await statusOf(shellac)).generation > 1)
})
