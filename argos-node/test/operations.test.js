'use strict'
// The generated operations against a real folder: fields in JavaScript's case go in and come out.

const assert = require('node:assert/strict')
const { mkdtempSync, rmSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { test } = require('node:test')

const { Argos, ArgosError, Page } = require('..')

async function opened(t) {
  const path = mkdtempSync(join(tmpdir(), 'argos-'))
  const argos = await Argos.open(join(path, 'data'))
  t.after(async () => {
    await argos.close()
    rmSync(path, { recursive: true })
  })
  return argos
}

async function make(argos, domain) {
  const targetGroup = { targets: [{ host: '127.0.0.1', port: 3000 }] }
  return (await argos.hosts.create({ domain, tlsMode: 'none', targetGroup })).value
}

test('a host comes back with its fields in camel case', async (t) => {
  const argos = await opened(t)
  const host = await make(argos, 'Shop.test')
  assert.deepEqual([host.domain, host.tlsMode, host.accessLog], ['shop.test', 'none', true])
  assert.ok(Object.keys(host).every((name) => !name.includes('_')), Object.keys(host).join())
  assert.deepEqual(await argos.hosts.get(host.id), host)
  const toggled = await argos.hosts.toggle(host.id, false)
  assert.deepEqual([toggled.value.enabled, toggled.generation], [false, 2])
  assert.deepEqual(await argos.hosts.delete(host.id), { value: null, generation: 3, etag: null })
  await assert.rejects(argos.hosts.get(host.id), (error) => error instanceof ArgosError && error.code === 'ARGOS_NOT_FOUND')
})

test('an omitted field stays and null clears', async (t) => {
  const argos = await opened(t)
  const { id } = await make(argos, 'shop.test')
  const after = async (fields) => (await argos.hosts.update(id, fields)).value.maxBodyBytes
  assert.equal(await after({ maxBodyBytes: 5 }), 5)
  assert.equal(await after({ accessLog: false, maxBodyBytes: undefined }), 5)
  assert.equal(await after({ maxBodyBytes: null }), null)
})

test('pages follow each other', async (t) => {
  const argos = await opened(t)
  for (let n = 0; n < 5; n++) await make(argos, `${n}.test`)
  const page = await argos.hosts.list({ limit: 2 })
  assert.ok(page instanceof Page)
  const sizes = []
  for await (const each of page.pages()) sizes.push(each.items.length)
  assert.deepEqual(sizes, [2, 2, 1])
  const names = []
  for await (const host of page) names.push(host.domain)
  assert.deepEqual(names, ['0.test', '1.test', '2.test', '3.test', '4.test'])
})

test('rules, security, settings and tokens', async (t) => {
  const argos = await opened(t)
  const host = await make(argos, 'shop.test')
  const rules = argos.rules(host.id)
  const action = { type: 'redirect', config: { statusCode: 308, target: 'https://{host}{uri}', stripQuery: false } }
  const first = (await rules.create({ action })).value
  assert.deepEqual(first.action, action)
  const second = (await rules.create({ action: { type: 'block', config: {} } })).value
  const ordered = (await rules.reorder({ ruleIds: [second.id, first.id] })).value
  assert.deepEqual(ordered.items.map((rule) => rule.id), [second.id, first.id])
  const security = (await argos.security(host.id).update({ wafEnabled: true, wafMode: 'detect' })).value
  assert.deepEqual([security.wafMode, security.effectiveMode], ['detect', 'detect'])
  const changed = (await argos.settings.update({ 'proxy.max_retries': '3' })).value.items
  assert.deepEqual(changed.map((row) => [row.key, row.value]), [['proxy.max_retries', '3']])
  assert.equal((await argos.settings.set('proxy.max_retries', '2')).value.value, '2')
  const expiresAt = new Date(Date.now() + 86_400_000)
  const token = (await argos.tokens.create('ci', { role: 'viewer', expiresAt: expiresAt.toISOString() })).value
  assert.equal(Date.parse(token.expiresAt), expiresAt.getTime())
  const targets = await argos.targets(host.targetGroupId).list()
  assert.deepEqual(targets.items.map((target) => target.port), [3000])
})

test('every operation of the document is here', async (t) => {
  const argos = await opened(t)
  const camel = (name) => name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase())
  const document = await argos.system.openapi()
  const names = Object.values(document.paths).flatMap((item) => Object.values(item).map((op) => op.operationId))
  assert.ok(names.length > 30)
  for (const name of names) {
    const [resource, verb] = name.split('.').map(camel)
    const of = typeof argos[resource] === 'function' ? argos[resource](1) : argos[resource]
    assert.equal(typeof of[verb], 'function', name)
  }
})

test('a change takes terms', async (t) => {
  const argos = await opened(t)
  const host = await make(argos, 'shop.test')
  assert.equal(typeof host.etag, 'string')
  assert.equal((await argos.hosts.get(host.id)).etag, host.etag)
  assert.ok(!Object.keys(host).includes('etag'))
  const tried = await argos.hosts.update(host.id, { accessLog: false }, { dryRun: true })
  assert.deepEqual([tried.value.accessLog, tried.generation], [false, null])
  assert.deepEqual(await argos.hosts.get(host.id), host)
  const done = await argos.hosts.update(host.id, { accessLog: false }, { ifMatch: host.etag })
  assert.equal(done.value.etag, done.etag)
  const stale = (error) => error.code === 'ARGOS_CONFLICT' && error.argosCode === 'stale'
  await assert.rejects(argos.hosts.delete(host.id, { ifMatch: host.etag }), stale)
  const rules = argos.rules(host.id)
  const make2 = (terms) => rules.create({ action: { type: 'block', config: {} } }, terms)
  const first = await make2({ idempotencyKey: 'one' })
  assert.deepEqual(await make2({ idempotencyKey: 'one' }), first)
  const second = await make2()
  const { etag } = await rules.list()
  await rules.reorder({ ruleIds: [second.value.id, first.value.id] }, { ifMatch: etag })
  await assert.rejects(rules.reorder({ ruleIds: [first.value.id, second.value.id] }, { ifMatch: etag }), stale)
  await assert.rejects(argos.call('hosts.get', { id: host.id }, { no: 1 }), (error) => error.code === 'ARGOS_INVALID')
})

test('put takes every field', async (t) => {
  const argos = await opened(t)
  const { targetGroupId } = await make(argos, 'shop.test')
  const targets = argos.targets(targetGroupId)
  const [{ id }] = (await targets.list()).items
  const done = await targets.replace(id, { host: '::1', port: 1, weight: 2, enabled: false })
  assert.deepEqual([done.value.host, done.value.port, done.value.weight, done.value.enabled], ['::1', 1, 2, false])
  await assert.rejects(targets.replace(id, { port: 2 }), (error) => error.argosCode === 'missing_field')
})
