import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Ledger } from '../../../src/mc-bench/ledger.ts'
import type { OperationKind } from '../../../src/mc-bench/options.ts'
import { Outstanding } from '../../../src/mc-bench/outstanding.ts'
import { ReplyChecker, type Shared } from '../../../src/mc-bench/reply-checker.ts'
import { RequestWriter } from '../../../src/mc-bench/request-writer.ts'
import { Tally } from '../../../src/mc-bench/tally.ts'
import { Values } from '../../../src/mc-bench/values.ts'

type Protocol = 'classic' | 'meta'

/** A connection without a socket: `ask` queues an operation, `read` takes what a server answers. */
class Talk {
  readonly shared: Shared = { values: new Values(20, 'k:', [0, 40]), ledger: new Ledger(20), tally: new Tally() }
  readonly outstanding = new Outstanding(8, 4)
  readonly #writer: RequestWriter
  readonly #checker: ReplyChecker
  readonly #isMeta: boolean

  constructor(protocol: Protocol) {
    this.#isMeta = protocol === 'meta'
    this.#writer = new RequestWriter(this.shared, this.outstanding, protocol)
    this.#checker = new ReplyChecker(this.shared, this.outstanding, protocol)
  }

  get tally(): Tally {
    return this.shared.tally
  }

  ask(kind: OperationKind, ...keys: number[]): string {
    const left = [...keys]
    this.#writer.write(kind, keys.length, () => left.shift()!, 0)
    return this.#writer.take().toString('latin1')
  }

  /** All of it, or byte by byte; false when something was wrong. */
  read(reply: string, isSplit = false): boolean {
    const bytes = Buffer.from(reply, 'latin1')
    let at = 0
    for (let end = isSplit ? 1 : bytes.length; end <= bytes.length; end++) {
      const done = this.#checker.read(bytes.subarray(at), end - at, 1)
      if (done === -1) return false
      at += done
    }
    return at === bytes.length
  }

  name(key: number): string {
    return this.shared.values.keyTexts[key]!
  }

  value(key: number, generation: number): string {
    const out = Buffer.alloc(100)
    return out.toString('latin1', 0, this.shared.values.write(key, generation, out, 0))
  }

  /** A value as the server sends it; `token` of a single meta get. */
  block(key: number, generation: number, token?: number, value = this.value(key, generation)): string {
    const opaque = token === undefined ? '' : ` O${token}`
    return this.#isMeta
      ? `VA ${value.length} k${this.name(key)} f${generation}${opaque}\r\n${value}\r\n`
      : `VALUE ${this.name(key)} ${generation} ${value.length}\r\n${value}\r\n`
  }

  /** The reply to the set that is operation `token`. */
  stored(token: number): string {
    return this.#isMeta ? `HD O${token}\r\n` : 'STORED\r\n'
  }
}

/** With keys 0 to 3 stored in their first generation, which are operations 0 to 3. */
function talkAfterSets(protocol: Protocol): Talk {
  const talk = new Talk(protocol)
  for (let key = 0; key < 4; key++) {
    talk.ask('set', key)
    assert.ok(talk.read(talk.stored(key)))
  }
  return talk
}

describe('requests', () => {
  it('are those of the classic protocol', () => {
    const talk = new Talk('classic')
    const value = talk.value(3, 1)
    assert.equal(talk.ask('set', 3), `set ${talk.name(3)} 1 0 ${value.length}\r\n${value}\r\n`)
    assert.equal(talk.ask('get', 3), `get ${talk.name(3)}\r\n`)
    assert.equal(talk.ask('multi', 3, 4, 5), `get ${talk.name(3)} ${talk.name(4)} ${talk.name(5)}\r\n`)
  })

  it('are those of the meta protocol', () => {
    const talk = new Talk('meta')
    const value = talk.value(3, 1)
    assert.equal(talk.ask('set', 3), `ms ${talk.name(3)} ${value.length} F1 O0\r\n${value}\r\n`)
    assert.equal(talk.ask('get', 3), `mg ${talk.name(3)} v k f O1\r\n`)
    assert.equal(talk.ask('multi', 3, 4), `mg ${talk.name(3)} v k f q\r\nmg ${talk.name(4)} v k f q\r\nmn\r\n`)
  })
})

for (const protocol of ['classic', 'meta'] as const) {
  const isMeta = protocol === 'meta'
  const end = isMeta ? 'MN\r\n' : 'END\r\n'

  describe(`replies of the ${protocol} protocol`, () => {
    it('are right in any fragmentation', () => {
      for (const isSplit of [false, true]) {
        const talk = talkAfterSets(protocol)
        talk.ask('get', 1)
        talk.ask('multi', 0, 1, 2, 3)
        talk.ask('set', 1)
        talk.ask('get', 9)
        talk.ask('get', 1)
        const single = isMeta ? '' : 'END\r\n'
        const reply =
          talk.block(1, 1, 4) +
          single +
          (talk.block(1, 1) + talk.block(3, 1) + end) +
          talk.stored(6) +
          (isMeta ? 'EN\r\n' : 'END\r\n') +
          (talk.block(1, 2, 8) + single)
        assert.ok(talk.read(reply, isSplit), JSON.stringify(talk.tally.wrongs))
        const { hits, misses, stale, wrong, operations, errors } = talk.tally
        assert.deepEqual(
          { hits, misses, stale, wrong, operations, errors },
          { hits: 4, misses: 3, stale: 0, wrong: 0, operations: 9, errors: 0 },
        )
        assert.equal(talk.outstanding.count, 0)
      }
    })

    it('may be errors of the server, which are counted by their words', () => {
      const talk = talkAfterSets(protocol)
      talk.ask('get', 1)
      talk.ask('set', 1)
      talk.ask('multi', 1, 2)
      const refused = 'SERVER_ERROR Connection refused\r\n'
      assert.ok(talk.read(refused + refused + refused + (isMeta ? end : '')))
      assert.equal(talk.tally.errors, 3)
      assert.deepEqual([...talk.tally.errorTexts], [['SERVER_ERROR Connection refused', 3]])
      // The set that failed may have been done, or not.
      talk.ask('get', 1)
      talk.ask('get', 1)
      const single = isMeta ? '' : 'END\r\n'
      assert.ok(talk.read(talk.block(1, 1, 7) + single + talk.block(1, 2, 8) + single))
      assert.equal(talk.tally.stale, 0)
    })

    it('are out of date when an older generation comes back', () => {
      const talk = talkAfterSets(protocol)
      talk.ask('set', 1)
      talk.ask('get', 1)
      assert.ok(talk.read(talk.stored(4) + talk.block(1, 1, 5) + (isMeta ? '' : 'END\r\n')))
      assert.deepEqual([talk.tally.stale, talk.tally.wrong], [1, 0])
    })

    const wrongs: readonly [string, string, (talk: Talk) => string][] = [
      ['another key', 'a value of a key not asked for, or out of order', (talk) => talk.block(2, 1, 4)],
      ['a generation to come', 'a generation never stored', (talk) => talk.block(1, 2, 4)],
      ['no generation', 'a generation never stored', (talk) => talk.block(1, 0, 4)],
      [
        'other bytes',
        'a value with other bytes',
        (talk) => talk.block(1, 1, 4, talk.value(1, 1).replace(/^./s, '\x00')),
      ],
      ['a shorter value', 'a value of wrong length', (talk) => talk.block(1, 1, 4, talk.value(1, 1).slice(1))],
      ['a torn value', 'a value without its end', (talk) => talk.block(1, 1, 4).replace(/\r\n$/, 'xx')],
      ['the reply to a set', 'not the end of a get', (talk) => talk.stored(4)],
      ['an error of the client', 'not the end of a get', () => 'CLIENT_ERROR bad command line format\r\n'],
      ['an unknown command', 'not the end of a get', () => 'ERROR\r\n'],
      ['a bare line feed', 'a line that ends without CR', () => 'END\n'],
      ['an endless line', 'a line without end', () => 'x'.repeat(3000)],
    ]
    for (const [title, what, reply] of wrongs) {
      it(`are wrong: ${title}`, () => {
        const talk = talkAfterSets(protocol)
        talk.ask('get', 1)
        assert.equal(talk.read(reply(talk)), false)
        assert.equal(talk.tally.wrong, 1)
        assert.equal(talk.tally.wrongs[0]?.what, what)
      })
    }

    it('are wrong: values of a multi-get in another order', () => {
      const talk = talkAfterSets(protocol)
      talk.ask('multi', 0, 1, 2)
      assert.equal(talk.read(talk.block(1, 1) + talk.block(0, 1) + end), false)
      assert.equal(talk.tally.wrongs[0]?.what, 'a value of a key not asked for, or out of order')
    })

    it('are wrong: more than was asked for', () => {
      const talk = talkAfterSets(protocol)
      assert.equal(talk.read(end), false)
      assert.deepEqual(talk.tally.wrongs[0], { what: 'a reply nobody asked for', got: `${end.slice(0, -2)}\\x0d\\x0a` })
    })
  })
}

describe('replies of the meta protocol', () => {
  it('are wrong with the token of another request', () => {
    const talk = talkAfterSets('meta')
    talk.ask('get', 1)
    assert.equal(talk.read(talk.block(1, 1, 5)), false)
    const other = talkAfterSets('meta')
    other.ask('set', 1)
    assert.equal(other.read('HD O5\r\n'), false)
    assert.equal(other.tally.wrongs[0]?.what, 'not the reply to a set')
  })

  it('may repeat key and token in a miss', () => {
    const talk = talkAfterSets('meta')
    talk.ask('get', 9)
    assert.ok(talk.read(`EN k${talk.name(9)} O4\r\n`))
    assert.equal(talk.tally.misses, 1)
  })
})

describe('values', () => {
  it('differ from key to key and from generation to generation, and have the lengths asked for', () => {
    const values = new Values(500, 'p', [100, 200])
    const seen = new Set<string>()
    const out = Buffer.alloc(300)
    for (let key = 0; key < 500; key++) {
      for (let generation = 1; generation <= 4; generation++) {
        const end = values.write(key, generation, out, 0)
        assert.equal(end, values.bytesOf(key, generation))
        assert.ok(end >= 100 && end <= 200)
        assert.ok(values.isValue(key, generation, out, 0, end))
        assert.ok(!values.isValue(key, generation + 1, out, 0, end))
        seen.add(out.toString('latin1', 0, end))
      }
    }
    assert.ok(seen.size > 1980, `${seen.size} different values of 2000`)
    assert.equal(new Set(values.keyTexts).size, 500)
  })
})
