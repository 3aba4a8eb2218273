'use strict'
// Rules compile, faults have their place, attacks are stopped, plain requests pass.

const assert = require('node:assert/strict')
const { test } = require('node:test')

const { ArgosError, Waf } = require('..')

const RULES = `
SecRule ARGS "@detectSQLi" "id:100001,phase:2,deny,status:403,log,msg:'SQL',severity:CRITICAL,tag:attack-sqli"
SecRule RESPONSE_STATUS "@streq 500" "id:100002,phase:3,deny,status:502,log"
`
const ATTACK = { id: 'a', method: 'GET', uri: '/?q=1%27%20OR%20%271%27%3D%271', headers: [['Host', 'shop.test']] }

async function invalid(promise) {
  const error = await promise.then(() => assert.fail('it was not refused'), (error) => error)
  assert.ok(error instanceof ArgosError, String(error))
  assert.equal(error.code, 'ARGOS_INVALID')
  return error
}

test('an attack is stopped and a plain request passes', async () => {
  const waf = await Waf.compile({ rules: RULES })
  assert.deepEqual(await waf.inspect(ATTACK), {
    id: 'a',
    interrupted: true,
    status: 403,
    phase: 2,
    score_in: 0,
    score_out: 0,
    matched: [{ id: 100001, phase: 2, msg: 'SQL', severity: 'CRITICAL', tags: ['attack-sqli'], data: '' }],
  })
  const passed = await waf.inspect({ method: 'GET', uri: '/?q=shoes' })
  assert.deepEqual([passed.interrupted, passed.matched, passed.id], [false, [], null])
})

test('detecting records and does not stop', async () => {
  const found = await (await Waf.compile({ rules: RULES, mode: 'detect' })).inspect(ATTACK)
  assert.equal(found.interrupted, false)
  assert.deepEqual(found.matched.map((rule) => rule.id), [100001])
})

test('bodies and answers are inspected', async () => {
  const waf = await Waf.compile({ rules: RULES })
  const headers = [['Content-Type', 'application/x-www-form-urlencoded']]
  for (const body of ["q=1' OR '1'='1", Buffer.from("q=1' OR '1'='1")]) {
    assert.equal((await waf.inspect({ method: 'POST', uri: '/', headers, body })).status, 403)
  }
  const answered = { method: 'GET', uri: '/', response: { status: 500, body: Buffer.from([255]) } }
  assert.equal((await waf.inspect(answered)).phase, 3)
})

test('every fault of the rules has its place', async () => {
  const error = await invalid(Waf.compile({ rules: 'SecNothing\n\nSecRule ARGS "@rx (" "id:2,phase:2,deny"\n' }))
  assert.equal(error.argosCode, 'waf.rules_broken')
  assert.deepEqual(error.fields.map((f) => [f.field, f.line]), [['rules', 1], ['rules', 3]])
  assert.ok(error.fields.every((f) => f.column))
})

test('wrong options and misspelt requests are named', async () => {
  for (const [options, field] of [
    [{}, 'rules'],
    [{ rules: '', paranoia: 5 }, 'paranoia'],
    [{ rules: '', mood: 'bad' }, 'mood'],
  ]) {
    assert.equal((await invalid(Waf.compile(options))).fields[0].field, field)
  }
  const waf = await Waf.compile({ rules: RULES })
  const error = await invalid(waf.inspect({ method: 'GET', uri: '/', heders: [] }))
  assert.equal(error.fields[0].field, 'heders')
})
