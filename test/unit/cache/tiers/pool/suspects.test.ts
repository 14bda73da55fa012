import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Suspects } from '../../../../../src/cache/tiers/pool/suspects.ts'
import type { Pool } from '../../../../../src/memcached/pool.ts'

const NO_SERVER = -1

function make() {
  const failures = [0, 0]
  const asked: number[] = []
  const answers: (() => void)[] = []
  const server = { refuses: false }
  const pool = { state: { failures: (index: number) => failures[index]! } } as unknown as Pool
  const suspects = new Suspects(pool, (index, onAnswer) => {
    if (server.refuses) return false
    asked.push(index)
    answers.push(onAnswer)
    return true
  })
  return { failures, asked, answers, server, suspects }
}

test('servers that are well are asked, and nothing else is', () => {
  const { suspects, asked } = make()
  assert.equal(suspects.avoids(0), false)
  assert.equal(suspects.avoids(NO_SERVER), false)
  assert.deepEqual(asked, [])
})

test('a server that has failed is asked by nobody but us, once at a time, until it has answered', () => {
  const { suspects, asked, answers, failures } = make()
  failures[1] = 1
  for (let read = 0; read < 5; read++) assert.equal(suspects.avoids(1), true)
  assert.equal(suspects.avoids(0), false)
  assert.deepEqual(asked, [1])
  answers[0]!()
  assert.equal(suspects.avoids(1), true, 'it has failed again')
  assert.deepEqual(asked, [1, 1])
  failures[1] = 0
  answers[1]!()
  assert.equal(suspects.avoids(1), false)
})

test('a question that is refused is put again', () => {
  const { suspects, asked, failures, server } = make()
  failures[0] = 1
  server.refuses = true
  assert.equal(suspects.avoids(0), true)
  server.refuses = false
  assert.equal(suspects.avoids(0), true)
  assert.deepEqual(asked, [0])
})
