'use strict'
// The scenarios of `argos-core/testdata/scenarios`: by name, and through the typed operations.

const assert = require('node:assert/strict')
const { mkdtempSync, readFileSync, readdirSync, rmSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { test } = require('node:test')

const { Argos, ArgosError } = require('..')

const FOLDER = join(__dirname, '../../argos-core/testdata/scenarios')
const ROLES = ['viewer', 'operator', 'admin']
const CODES = {
  Invalid: 'ARGOS_INVALID',
  Unauthorized: 'ARGOS_UNAUTHORIZED',
  Forbidden: 'ARGOS_FORBIDDEN',
  NotFound: 'ARGOS_NOT_FOUND',
  Conflict: 'ARGOS_CONFLICT',
  Unavailable: 'ARGOS_UNAVAILABLE',
}
const FITS = {
  '<any>': () => true,
  '<id>': (value) => Number.isInteger(value) && value > 0,
  '<number>': (value) => Number.isInteger(value),
  '<text>': (value) => typeof value === 'string' && value !== '',
  '<time>': (value) => typeof value === 'string' && value.endsWith('Z') && !Number.isNaN(Date.parse(value)),
}
/** Operations whose input or result has keys of its own, which no case is forced on. */
const FREE = ['settings.update', 'system.openapi']

const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value)
const camel = (name) => name.replace(/_[a-z]/g, (found) => found[1].toUpperCase())
const snake = (name) => name.replace(/[A-Z]/g, (found) => `_${found.toLowerCase()}`)

/** Fields whose value has keys of its own. */
const KEPT = ['data_schema', 'event', 'headers', 'sample']

/** `value` with every key through `rename`, but for those of free fields, and every text through `text`. */
function mapped(value, rename, text = (same) => same) {
  if (Array.isArray(value)) return value.map((item) => mapped(item, rename, text))
  if (!isObject(value)) return typeof value === 'string' ? text(value) : value
  const inside = (name) => (KEPT.includes(snake(name)) ? (same) => same : rename)
  const field = ([name, item]) => [rename(name), mapped(item, inside(name), text)]
  return Object.fromEntries(Object.entries(value).map(field))
}

async function byName(argos, step, given) {
  return argos.call(step.call, step.text ?? given, mapped(step.terms, camel))
}

/** Through the operation's own method. What it can't be given, such as a field too many, is asked by name. */
async function typed(argos, step, given) {
  const [resource, verb] = step.call.split('.').map(camel)
  const free = FREE.includes(step.call)
  const fields = free ? { ...given } : mapped(given, camel)
  const take = (name) => {
    const value = fields[name]
    delete fields[name]
    return value
  }
  const parameters = (method) => method.toString().match(/\(([^)]*)\)/)[1].split(',').map((name) => name.trim())
  let of = argos[resource]
  if (typeof of === 'function') of = argos[resource](take(parameters(of)[0]))
  if (step.text !== undefined || typeof of[verb] !== 'function') return byName(argos, step, given)
  const all = parameters(of[verb]).filter((name) => name && name !== 'terms')
  const first = all.filter((name) => !/^(fields|values)\b/.test(name)).map(take)
  if (first.length === all.length && Object.keys(fields).length > 0) return byName(argos, step, given)
  const arguments_ = first.length === all.length ? first : [...first, fields]
  const terms = Object.keys(step.terms).length > 0 ? [mapped(step.terms, camel)] : []
  const done = await of[verb](...arguments_, ...terms)
  const changes = isObject(done) && ['value', 'generation', 'etag'].every((name) => name in done)
  const result = changes ? done.value : done
  const page = isObject(result) && result.constructor.name === 'Page'
  const shown = page ? { items: result.items, nextCursor: result.nextCursor } : result
  const value = step.call === 'system.openapi' ? shown : mapped(shown, snake)
  // Nothing changes in between: both ways tell the same, field by field.
  if (!changes) assert.deepEqual(value, (await byName(argos, step, given)).value)
  return { value, generation: changes ? done.generation : null, etag: done?.etag ?? null }
}

/** Fails where `given` is not as expected. */
function same(expected, given, known, whole, at) {
  if (typeof expected === 'string' && expected.startsWith('$')) {
    const name = expected.slice(1)
    if (!(name in known)) known[name] = given
    assert.deepEqual(given, known[name], `${at}: ${expected}`)
  } else if (expected in FITS && typeof expected === 'string') {
    assert.ok(FITS[expected](given), `${at}: ${JSON.stringify(given)} is not ${expected}`)
  } else if (isObject(expected)) {
    assert.ok(isObject(given), `${at}: ${JSON.stringify(given)}`)
    for (const name of Object.keys(expected)) {
      assert.ok(name in given, `${at}.${name} is missing`)
      same(expected[name], given[name], known, whole, `${at}.${name}`)
    }
    if (whole) assert.deepEqual(Object.keys(given).filter((name) => !(name in expected)), [], at)
  } else if (Array.isArray(expected)) {
    assert.equal(given.length, expected.length, `${at}: ${JSON.stringify(given)}`)
    expected.forEach((item, i) => same(item, given[i], known, whole, `${at}[${i}]`))
  } else {
    assert.deepEqual(given, expected, at)
  }
}

function refused(error, expected) {
  assert.ok(error instanceof ArgosError, String(error))
  assert.equal(error.code, CODES[expected.kind])
  assert.deepEqual([error.argosCode, error.fields.map((f) => f.field)], [expected.code, expected.fields ?? []])
}

async function run(argos, steps, ask) {
  const tokens = {}
  for (const role of ROLES) tokens[role] = (await argos.call('tokens.create', { name: role, role })).value.token
  const known = { actor: 'system' }
  for (const [i, step] of steps.entries()) {
    if (step.skip?.includes('node')) continue
    const at = `step ${i + 1} (${step.call})`
    const filled = (fields) => mapped(fields ?? {}, (name) => name, (text) => {
      if (!text.startsWith('$')) return text
      assert.ok(text.slice(1) in known, `${at}: ${text}`)
      return known[text.slice(1)]
    })
    const given = filled(step.input)
    const asked = step.as ? argos.withToken(tokens[step.as] ?? null) : argos
    const done = await ask(asked, { ...step, terms: filled(step.terms) }, given).catch((error) => {
      if (!step.error) throw new Error(`${at} was refused`, { cause: error })
      refused(error, step.error)
    })
    if (step.error) {
      assert.equal(done, undefined, `${at} was not refused`)
      continue
    }
    const whole = 'exactly' in step
    same(whole ? step.exactly : step.expect, done.value, known, whole, at)
    if ('generation' in step) assert.equal(done.generation, step.generation, at)
    if ('etag' in step) same(step.etag, done.etag, known, whole, at)
  }
}

for (const file of readdirSync(FOLDER).sort()) {
  for (const { name, only, steps } of JSON.parse(readFileSync(join(FOLDER, file), 'utf8')).scenarios) {
    if (only && !only.includes('node')) continue
    for (const ask of [byName, typed]) {
      test(`${file}: ${name}, ${ask === typed ? 'typed' : 'by name'}`, async (t) => {
        const folder = mkdtempSync(join(tmpdir(), 'argos-'))
        const argos = await Argos.open(folder)
        t.after(async () => {
          await argos.close()
          rmSync(folder, { recursive: true })
        })
        await run(argos, steps, ask)
      })
    }
  }
}
