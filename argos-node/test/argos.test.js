'use strict'
// The binding against real folders: values and errors arrive, the main thread is free, a closed folder is too.

const assert = require('node:assert/strict')
const { execFileSync } = require('node:child_process')
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs')
const http = require('node:http')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { test } = require('node:test')

const { Argos, ArgosError } = require('..')

const KEY = '00'.repeat(32)
const HOST = {
  domain: 'shop.test',
  tls_mode: 'none',
  target_group: { targets: [{ host: '127.0.0.1', port: 3000 }] },
}

function folder(t) {
  const path = mkdtempSync(join(tmpdir(), 'argos-'))
  t.after(() => rmSync(path, { recursive: true }))
  return path
}

async function opened(t) {
  const path = folder(t)
  const argos = await Argos.open(join(path, 'data'))
  t.after(() => argos.close())
  return argos
}

async function refused(promise, code) {
  const error = await promise.then(() => assert.fail('it was not refused'), (error) => error)
  assert.ok(error instanceof ArgosError, String(error))
  assert.equal(error.code, code)
  return error
}

test('a host that was made is listed', async (t) => {
  const argos = await opened(t)
  const made = await argos.call('hosts.create', HOST)
  assert.equal(made.value.domain, 'shop.test')
  assert.equal(made.generation, 1)
  const listed = await argos.call('hosts.list')
  assert.equal(listed.generation, null)
  assert.deepEqual(listed.value.items, [made.value])
  assert.deepEqual((await argos.call('hosts.get', `{"id": ${made.value.id}}`)).value, made.value)
})

test('a refusal has code and field', async (t) => {
  const argos = await opened(t)
  await argos.call('hosts.create', HOST)
  for (const [name, fields, code, argosCode, field] of [
    ['hosts.create', { domain: 'a b' }, 'ARGOS_INVALID', 'wrong_value', 'domain'],
    ['hosts.create', { ...HOST, colour: 1 }, 'ARGOS_INVALID', 'unknown_field', 'colour'],
    ['hosts.create', '{"domain": ', 'ARGOS_INVALID', 'json.syntax', ''],
    ['hosts.get', { id: 7 }, 'ARGOS_NOT_FOUND', 'host.not_found', null],
    [
      'setup.create',
      { token: 'wrong', username: 'root', password: 'correct horse battery' },
      'ARGOS_UNAUTHORIZED',
      'setup.token_wrong',
      null,
    ],
    ['hosts.paint', {}, 'ARGOS_NOT_FOUND', 'operation.not_found', null],
    [
      'hosts.create',
      { domain: 'shop.test', tls_mode: 'none', target_group_id: 1 },
      'ARGOS_CONFLICT',
      'host.domain_taken',
      'domain',
    ],
  ]) {
    const error = await refused(argos.call(name, fields), code)
    assert.equal(error.argosCode, argosCode)
    assert.deepEqual(error.fields.map((f) => f.field), field === null ? [] : [field])
    assert.ok(error.message && error.fields.every((f) => f.reason))
    assert.equal(error.retryAfter, null)
  }
  assert.equal((await argos.call('hosts.list')).value.items.length, 1)
})

test('a folder is opened once and free after closing', async (t) => {
  const path = folder(t)
  const first = await Argos.open(path)
  await first.call('hosts.create', HOST)
  await refused(Argos.open(path), 'ARGOS_CONFLICT')
  await first.close()
  await first.close()
  assert.equal((await refused(first.call('hosts.list'), 'ARGOS_UNAVAILABLE')).argosCode, 'closed')
  const again = await Argos.open(path)
  assert.equal((await again.call('hosts.list')).value.items.length, 1)
  await again.close()
})

test('closing waits for calls that were made before', async (t) => {
  const path = folder(t)
  const argos = await Argos.open(path)
  const made = argos.call('hosts.create', HOST)
  const closed = argos.close()
  await Promise.all([made.catch((error) => assert.equal(error.argosCode, 'closed')), closed])
  await (await Argos.open(path)).close()
})

test('a master key is taken from one place and must fit', async (t) => {
  const path = folder(t)
  const [data, file] = [join(path, 'data'), join(path, 'key')]
  writeFileSync(file, KEY, { mode: 0o600 })
  await (await Argos.open(data, { masterKey: KEY })).close()
  await (await Argos.open(data, { masterKeyFile: file })).close()
  await refused(Argos.open(data, { masterKey: '11'.repeat(32) }), 'ARGOS_CORRUPT')
  await refused(Argos.open(data, { masterKey: 'short' }), 'ARGOS_INVALID')
  const both = await refused(Argos.open(data, { masterKey: KEY, masterKeyFile: file }), 'ARGOS_INVALID')
  assert.equal(both.argosCode, 'master_key.two_sources')
  const misspelt = await refused(Argos.open(data, { masterkey: KEY }), 'ARGOS_INVALID')
  assert.equal(misspelt.fields[0].field, 'masterkey')
})

test('serving begins and ends', async (t) => {
  const argos = await opened(t)
  assert.ok(Array.isArray(await argos.start({ http: ['127.0.0.1:0'], threads: 1 })))
  await argos.stop(0)
  for (const [options, field] of [
    [{ http: ['nowhere'] }, 'http[0]'],
    [{ http: [], threads: -1 }, 'threads'],
    [{ http: [], threads: 1.5 }, 'threads'],
    [{}, 'http'],
  ]) {
    assert.equal((await refused(argos.start(options), 'ARGOS_INVALID')).fields[0].field, field)
  }
  for (const grace of [-1, NaN]) {
    assert.equal((await refused(argos.stop(grace), 'ARGOS_INVALID')).fields[0].field, 'graceSeconds')
  }
})

test('the main thread runs during a call', { skip: process.platform === 'win32' }, async (t) => {
  const path = folder(t)
  const pipe = join(path, 'key')
  execFileSync('mkfifo', ['-m', '600', pipe])
  // The pool's thread waits in the pipe until the main thread has written: on one thread neither would move.
  const opening = Argos.open(join(path, 'data'), { masterKeyFile: pipe })
  writeFileSync(pipe, KEY)
  await (await opening).close()
})

test('serves real requests and frees its port', async (t) => {
  const argos = await opened(t)
  const upstream = http.createServer((request, response) => response.end(`${request.url} for ${request.headers.host}`))
  await new Promise((done) => upstream.listen(0, '127.0.0.1', done))
  t.after(() => upstream.close())
  const target = { host: '127.0.0.1', port: upstream.address().port }
  await argos.call('hosts.create', { domain: 'shop.test', tls_mode: 'none', target_group: { targets: [target] } })
  const [address] = await argos.start({ http: ['127.0.0.1:0'], threads: 1 })
  const port = Number(address.split(':').at(-1))
  const ask = () => new Promise((done, fail) => {
    const options = { host: '127.0.0.1', port, path: '/hello', headers: { Host: 'shop.test' }, agent: false }
    http.get(options, (answer) => {
      let body = ''
      answer.on('data', (chunk) => { body += chunk })
      answer.on('end', () => done([answer.statusCode, body]))
    }).on('error', fail)
  })
  assert.deepEqual(await ask(), [200, '/hello for shop.test'])
  await argos.stop(10)
  await assert.rejects(ask(), { code: 'ECONNREFUSED' })
  const { value } = await argos.call('logs.search', { source: 'access' })
  assert.deepEqual(value.items.map((row) => [row.path, row.status]), [['/hello', 200]])
})
