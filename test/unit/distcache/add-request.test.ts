import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AddRequest } from '../../../src/distcache/add-request.ts'
import { CORRUPT } from '../../../src/distcache/message-decoder.ts'

function read(timeoutMs: number, idBytes: number, rest: number, before = 0): { code: number; add: AddRequest } {
  const bytes = Buffer.alloc(before + 8 + rest)
  bytes.writeUInt32BE(timeoutMs, before)
  bytes.writeUInt32BE(idBytes, before + 4)
  const add = new AddRequest()
  return { code: add.read(bytes, before, bytes.length), add }
}

test('the codes, in the order of the checks', () => {
  assert.equal(new AddRequest().read(Buffer.alloc(20), 3, 10), CORRUPT)
  assert.equal(read(604_800_001, 0xffff_ffff, 0).code, 102)
  assert.equal(read(0xffff_ffff, 0, 4).code, 102)
  assert.equal(read(604_800_000, 0xffff_ffff, 65).code, 100)
  assert.equal(read(0, 65, 65).code, 100)
  assert.equal(read(0, 65, 66).code, 103)
  assert.equal(read(0, 0, 0).code, 100)
  assert.equal(read(0, 0, 1).code, 103)
  assert.equal(read(0, 1, 32_770).code, 104)
  assert.equal(read(0, 1, 32_769).code, 0)
  assert.equal(read(604_800_000, 64, 65).code, 0)
})

test('where id and data lie', () => {
  const { code, add } = read(1234, 3, 10, 5)
  assert.equal(code, 0)
  assert.deepEqual([add.timeoutMs, add.idStart, add.dataStart, add.dataEnd], [1234, 13, 16, 23])
})
