/** A browser on HTTP/2: a page and what it fetches, all over one connection. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statsOf } from '../support/admin.ts'
import { makeAuthority } from '../support/certificates.ts'
import { loadInChromium, noChromium } from '../support/chromium.ts'
import { startShellac } from '../support/daemon.ts'
import { ok, startOrigin } from '../support/scripted-origin.ts'

const FETCHES = 40

/** Fetches the rest, then says which protocols were spoken and how much came. */
const PAGE = `<body><script>
  Promise.all(Array.from({ length: ${FETCHES} }, (_, i) => fetch('/part/' + i).then((answer) => answer.text()))).then((all) => {
    const spoken = ['navigation', 'resource'].flatMap((type) => performance.getEntriesByType(type)).map((one) => one.nextHopProtocol)
    document.body.textContent = [...new Set(spoken), all.join('').length].join(' ')
  })
</script></body>`

test('Chromium speaks it for the page and for all that the page fetches', { skip: noChromium }, async () => {
  const origin = await startOrigin(({ target }) =>
    target === '/' ? ok(PAGE, 'Content-Type: text/html') : ok('x'.repeat(20_000), 'Cache-Control: max-age=60'),
  )
  const { chain, key } = makeAuthority().issue({ names: ['localhost'] })
  const shellac = await startShellac({
    config: `shellac 1;
      process { workers 1; }
      admin { listen unix:%dir%/admin.sock; }
      listener web { address %listen%; tls { certificate ${chain} key ${key}; } }
      backend app { server a 127.0.0.1:${origin.port}; }
      cache main { tier memory 16MiB; }
      site * { proxy app; use-cache main; }`,
  })
  for (const how of ['misses', 'hits']) {
    const { stdout } = await loadInChromium(`https://localhost:${shellac.port}/`)
    assert.match(stdout, new RegExp(`<body>h2 ${FETCHES * 20_000}</body>`), how)
  }
  const { counters } = await statsOf(shellac)
  assert.ok(counters.h2Streams >= 2 * FETCHES, `${counters.h2Streams} streams`)
  assert.ok(counters.h2Connections <= 6, `${counters.h2Connections} connections`)
  assert.equal(counters.h2Errors, 0)
})
