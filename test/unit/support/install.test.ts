/** What the test command says about programs that are not there. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findMissing, installMissing } from '../../support/install.ts'

test('programs that exist are found, in the folders of services too', () => {
  assert.deepEqual(findMissing(['sh', 'nginx', 'no-such-program']), ['no-such-program'])
})

test('nothing missing is no problem', () => {
  assert.equal(installMissing(['sh', 'curl']), undefined)
})

test('what is missing is named, with the way to get it, where it may not be installed', () => {
  const problem = installMissing(['sh', 'no-such-program'], false) ?? ''
  assert.match(problem, /not installed: no-such-program\./)
  assert.match(problem, /apt-get install --no-install-recommends no-such-program/)
})

test('a program of another package is asked for by that, with what it needs besides', () => {
  const folders = process.env.PATH
  process.env.PATH = '/nonexistent'
  try {
    const problem = installMissing(['no-such-program', 'prlimit'], false) ?? ''
    assert.match(problem, /--no-install-recommends no-such-program util-linux$/m)
  } finally {
    process.env.PATH = folders
  }
})

test('a library is missing when it cannot be loaded', () => {
  const folders = process.env.PATH
  process.env.PATH = '/nonexistent' // without perl, its libraries cannot be loaded
  try {
    const problem = installMissing(['libcache-memcached-perl'], false) ?? ''
    assert.match(problem, /--no-install-recommends libcache-memcached-perl$/m)
  } finally {
    process.env.PATH = folders
  }
})
