import { equal, throws } from 'node:assert/strict'
import { it } from 'node:test'
import { AssertionError, assert, unreachable } from '../../../src/util/assert.ts'

it('throws what should have been true', () => {
  assert(true, 'fine')
  throws(() => assert(false, 'one and one is two'), { name: 'AssertionError', message: 'one and one is two' })
})

it('names the value that no case expects', () => {
  throws(
    () => unreachable('sideways' as never),
    (error) => {
      equal(error instanceof AssertionError, true)
      equal((error as Error).message, 'unexpected value "sideways"')
      return true
    },
  )
})
