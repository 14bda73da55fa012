import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compileRegex } from '../../../src/util/bounded-regex.ts'
import { cpuMsOf } from '../../support/cpu.ts'

describe('regular expressions', () => {
  const hostile: [source: string, text: string][] = [
    ['/.*/.*/.*/.*\\.php$', '/'.repeat(8000)],
    ['a.*b.*c.*d.*e$', 'abcd'.repeat(2000)],
    ['^(?:/[a-z]*){3,9}x$', '/aaaaaaa'.repeat(1000)],
    ['^/[^/]*[a-z]*[0-9a-z]*[a-c]*!', `/${'a'.repeat(8000)}`],
    ['(a|b)*.*(c|d)*.*e$', 'abcd'.repeat(2000)],
  ]
  for (const [source, text] of hostile) {
    it(`answer ${source} on ${text.length} hostile letters in bounded time`, () => {
      const regex = compileRegex(source)
      const cpuMs = cpuMsOf(() => assert.equal(regex.test(text), false))
      assert.ok(cpuMs < 2000, `${cpuMs} ms`)
    })
  }

  it('find the same captures after the second engine has taken over', () => {
    const regex = compileRegex('^/(.*)/(.*)/(.*)\\.php$')
    const before = [...regex.exec('/a/b/c/d.php')!]
    assert.equal(regex.test('/'.repeat(4000)), false)
    assert.deepEqual([...regex.exec('/a/b/c/d.php')!], before)
    assert.deepEqual(before.slice(1), ['a/b', 'c', 'd'])
  })
})
