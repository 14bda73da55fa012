import assert from 'node:assert/strict'
import { isIPv6 } from 'node:net'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { checkAuthority } from '../../../src/http/authority.ts'

/** End of the host, -1 when the authority is refused; the text stands between others to show that bounds are kept. */
function hostEnd(authority: string): number {
  const end = checkAuthority(`xx${authority}:9`, 2, 2 + authority.length)
  return end === -1 ? -1 : end - 2
}

describe('checkAuthority', () => {
  for (const [authority, expected] of [
    ['a', 1],
    ['a:', 1],
    ['a-b_c~.example:65535', 14],
    ['127.0.0.1:80', 9],
    ['a.', 2],
    ['[::]', 4],
    ['[1:2:3:4:5:6:7:8]:1', 17],
    ['[::ffff:1.2.3.4]', 16],
    ['[1::8]', 6],
    ['', -1],
    [':80', -1],
    ['.a', -1],
    ['a..b', -1],
    ['a:65536', -1],
    ['a:000080', -1],
    ['a:-1', -1],
    ['a%41', -1],
    ['a,b', -1],
    ['a;b', -1],
    ['a@b', -1],
    ['a b', -1],
    ['[]', -1],
    ['[:]', -1],
    ['[:::]', -1],
    ['[1::2::3]', -1],
    ['[1:2:3:4:5:6:7]', -1],
    ['[1:2:3:4:5:6:7:8:]', -1],
    ['[1:2:3:4:5:6:7::8]', -1],
    ['[::1.2.3]', -1],
    ['[::1.2.3.256]', -1],
    ['[::01.2.3.4]', -1],
    ['[1.2.3.4::]', -1],
    ['[::12345]', -1],
    ['[::1%1]', -1],
    ['[v1.a]', -1],
    ['[::1', -1],
    ['[::1]a', -1],
    ['[::1]]', -1],
  ] as const) {
    it(`${JSON.stringify(authority)}: ${expected}`, () => assert.equal(hostEnd(authority), expected))
  }

  it('takes for an IPv6 address what Node takes, but for a "::" that stands for nothing', () => {
    const part = fc.constantFrom(':', '::', '0', 'f', '12ab', '12345', '1.2.3.4', '1.2', '255.255.255.256', '.')
    fc.assert(
      fc.property(fc.array(part, { maxLength: 18 }), (parts) => {
        const address = parts.join('')
        const isAccepted = hostEnd(`[${address}]`) !== -1
        if (isAccepted) assert.ok(isIPv6(address), address)
        else assert.ok(!isIPv6(address) || groupsOf(address) === 8, address)
      }),
      { numRuns: 20_000 },
    )
  })
})

/** Groups written out in an address, an IPv4 tail counting two. */
function groupsOf(address: string): number {
  return address.split(':').filter((group) => group !== '').length + (address.includes('.') ? 1 : 0)
}
