/** Client libraries and tools as people use them, against a memcached-proxy in front of three servers. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runProgram } from '../support/process.ts'
import { tempDir } from '../support/temp.ts'
import { waitFor } from '../support/wait.ts'
import { type ProxiedPool, startProxiedPool } from './proxied-pool.ts'

/** Of the distribution, whose packages have the libraries. */
const PYTHON = '/usr/bin/python3'
const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))

let pool: ProxiedPool

before(async () => {
  pool = await startProxiedPool({ proxy: 'flush-all on;' })
})

/** Runs a script that prints JSON. */
async function run(program: string, args: readonly string[]): Promise<unknown> {
  const finished = await runProgram(program, [...args, `${pool.shellac.port}`])
  assert.equal(finished.code, 0, `${finished.stdout}${finished.stderr}`)
  return JSON.parse(finished.stdout)
}

test('pymemcache', async () => {
  const script = `
import json, sys
from pymemcache.client.base import Client
c = Client(('127.0.0.1', int(sys.argv[1])), timeout=10)
out = {}
out['set'] = c.set('py:a', b'one', noreply=False)
c.set('py:q', b'quiet', noreply=True)
out['get'] = [c.get('py:a').decode(), c.get('py:q').decode(), c.get('py:none')]
many = {'py:%d' % i: ('v%d' % i).encode() for i in range(200)}
out['failed'] = c.set_many(many, noreply=False)
out['many'] = c.get_many(list(many) + ['py:none']) == many
value, cas = c.gets('py:a')
out['cas'] = [c.cas('py:a', b'two', cas, noreply=False), c.cas('py:a', b'three', cas, noreply=False), c.cas('py:none', b'x', cas, noreply=False)]
c.set('py:n', b'41', noreply=False)
out['incr'] = [c.incr('py:n', 1, noreply=False), c.decr('py:n', 2, noreply=False), c.incr('py:none', 1, noreply=False)]
out['touch'] = [c.touch('py:a', 100, noreply=False), c.touch('py:none', 100, noreply=False)]
out['append'] = [c.append('py:a', b'!', noreply=False), c.prepend('py:a', b'?', noreply=False), c.get('py:a').decode()]
out['add'] = [c.add('py:a', b'x', noreply=False), c.replace('py:none', b'x', noreply=False)]
big = b'b' * 900000
out['big'] = [c.set('py:big', big, noreply=False), c.get('py:big') == big]
out['delete'] = [c.delete('py:a', noreply=False), c.delete('py:a', noreply=False)]
out['version'] = c.version().decode()
out['stats'] = b'cmd_get' in c.stats()
out['flush'] = c.flush_all(noreply=False)
out['flushed'] = c.get('py:q')
c.quit()
print(json.dumps(out))`
  assert.deepEqual(await run(PYTHON, ['-c', script]), {
    set: true,
    get: ['one', 'quiet', null],
    failed: [],
    many: true,
    cas: [true, false, null],
    incr: [42, 40, null],
    touch: [true, false],
    append: [true, true, '?two!'],
    add: [false, false],
    big: [true, true],
    delete: [true, false],
    version: '1.6.0',
    stats: true,
    flush: true,
    flushed: null,
  })
})

test('python-memcached', async () => {
  const script = `
import json, sys, memcache
c = memcache.Client(['127.0.0.1:' + sys.argv[1]], cache_cas=True)
out = {}
out['set'] = [bool(c.set('pm:a', 'text')), bool(c.set('pm:b', {'x': [1, 2]})), bool(c.set('pm:c', 7)), bool(c.set('pm:gone', 'x', time=-1))]
out['get'] = [c.get('pm:a'), c.get('pm:b'), c.get('pm:c'), c.get('pm:gone'), c.get('pm:none')]
out['failed'] = c.set_multi({str(i): i * i for i in range(100)}, key_prefix='pm:m')
out['many'] = c.get_multi([str(i) for i in range(120)], key_prefix='pm:m') == {str(i): i * i for i in range(100)}
c.gets('pm:a')
out['cas'] = bool(c.cas('pm:a', 'other'))
out['incr'] = [c.incr('pm:c'), c.decr('pm:c', 3), c.incr('pm:none')]
out['append'] = [bool(c.append('pm:a', '!')), c.get('pm:a')]
out['touch'] = bool(c.touch('pm:a', 60))
out['delete'] = [c.delete('pm:a'), c.delete_multi([str(i) for i in range(100)], key_prefix='pm:m'), c.get('pm:m5')]
out['stats'] = len(c.get_stats())
print(json.dumps(out))`
  assert.deepEqual(await run(PYTHON, ['-c', script]), {
    set: [true, true, true, true],
    get: ['text', { x: [1, 2] }, 7, null, null],
    failed: [],
    many: true,
    cas: true,
    incr: [8, 5, null],
    append: [true, 'other!'],
    touch: true,
    delete: [1, 1, null],
    stats: 1,
  })
})

test('pylibmc, also pipelined and without waiting', async () => {
  const script = `
import json, sys, pylibmc
server = '127.0.0.1:' + sys.argv[1]
out = {}
for name, behaviors in (('plain', {'cas': True, 'tcp_nodelay': True}), ('noreply', {'cas': True, 'no_block': True, 'tcp_nodelay': True})):
    c = pylibmc.Client([server], behaviors=behaviors)
    r = {}
    r['set'] = c.set(name + ':a', 'text')
    r['get'] = [c.get(name + ':a'), c.get(name + ':none')]
    r['failed'] = c.set_multi({'%s:%d' % (name, i): 'v' * i for i in range(100)})
    r['many'] = c.get_multi(['%s:%d' % (name, i) for i in range(110)]) == {'%s:%d' % (name, i): 'v' * i for i in range(100)}
    value, cas = c.gets(name + ':a')
    r['cas'] = c.cas(name + ':a', 'next', cas)
    c.set(name + ':n', 5)
    r['incr'] = c.incr(name + ':n', 10)
    r['touch'] = c.touch(name + ':a', 50)
    r['append'] = [c.append(name + ':a', '!'), c.get(name + ':a')]
    r['delete'] = [c.delete(name + ':a'), c.get(name + ':a')]
    out[name] = r
print(json.dumps(out))`
  const expected = {
    set: true,
    get: ['text', null],
    failed: [],
    many: true,
    cas: true,
    incr: 15,
    touch: true,
    append: [true, 'next!'],
    delete: [true, null],
  }
  assert.deepEqual(await run(PYTHON, ['-c', script]), { plain: expected, noreply: expected })
})

for (const library of ['Cache::Memcached', 'Cache::Memcached::Fast']) {
  test(library, async () => {
    const script = `
use ${library};
my $c = ${library}->new({ servers => ["127.0.0.1:$ARGV[0]"] });
my @out;
push @out, $c->set('pl:a', 'one'), $c->get('pl:a'), $c->get('pl:none') // 'undef';
push @out, $c->add('pl:a', 'x') ? 1 : 0, $c->replace('pl:a', 'two') ? 1 : 0, $c->get('pl:a');
$c->set("pl:$_", "v$_") for 1..100;
my $many = $c->get_multi(map { "pl:$_" } 1..120);
push @out, scalar(keys %$many), $many->{'pl:77'};
$c->set('pl:n', 10);
push @out, $c->incr('pl:n', 5), $c->decr('pl:n', 1);
push @out, $c->delete('pl:a') ? 1 : 0, $c->get('pl:a') // 'undef';
print '["', join('","', @out), '"]';`
    assert.deepEqual(await run('perl', ['-e', script]), [
      '1',
      'one',
      'undef',
      '0',
      '1',
      'two',
      '100',
      'v77',
      '15',
      '14',
      '1',
      'undef',
    ])
  })
}

test('the tools of libmemcached', async () => {
  const dir = tempDir()
  const file = join(dir, 'tool-file')
  writeFileSync(file, 'line one\nline two\n')
  const servers = `--servers=127.0.0.1:${pool.shellac.port}`
  const tool = async (name: string, ...args: string[]) => runProgram(name, [servers, ...args], { cwd: dir })
  assert.equal((await tool('memccp', file)).code, 0)
  assert.match((await tool('memccat', 'tool-file')).stdout, /^line one\nline two\n/)
  assert.equal((await tool('memctouch', '--expire=100', 'tool-file')).code, 0)
  assert.equal((await tool('memcexist', 'tool-file')).code, 0)
  assert.equal((await tool('memccat', '--file=copy', 'tool-file')).code, 0)
  assert.equal(readFileSync(join(dir, 'copy'), 'utf8'), 'line one\nline two\n')
  assert.equal((await tool('memcrm', 'tool-file')).code, 0)
  assert.notEqual((await tool('memcexist', 'tool-file')).code, 0)
  assert.match((await tool('memcstat')).stdout, /cmd_get/)
  assert.equal((await tool('memcflush')).code, 0)
})

test('memjs, which speaks the binary protocol, is disconnected, and others go on', async () => {
  const script = `
const client = require('memjs').Client.create('127.0.0.1:' + process.argv[1], { retries: 0 })
client.get('a', () => {}) // memjs tells nobody that a server has hung up; nothing keeps it running then`
  const countErrors = async () => Number(/client_err (\d+)/.exec(await pool.ask('stats\r\n', /END\r\n$/))![1])
  const before = await countErrors()
  const finished = await runProgram(process.execPath, ['-e', script, `${pool.shellac.port}`], { cwd: REPOSITORY })
  assert.equal(finished.stderr, '')
  await waitFor('the connection of memjs to be counted', async () => (await countErrors()) === before + 1)
  assert.equal(await pool.ask('mn\r\n'), 'MN\r\n')
})
