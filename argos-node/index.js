'use strict'

const native = require('./argos.node')
const { ArgosError, unpack } = require('./errors.js')
const { Operations } = require('./operations.js')
const { NAMED, Page, camel, renamed, snake } = require('./records.js')
const { read } = require('./rows.js')

async function unpacked(promise) {
  try {
    return await promise
  } catch (error) {
    throw unpack(error)
  }
}

class Argos extends Operations {
  #native

  constructor(inner) {
    if (!(inner instanceof native.Argos)) throw new TypeError('Argos is made by Argos.open')
    super()
    this.#native = inner
  }

  static async open(path, options = {}) {
    return new Argos(await unpacked(native.Argos.open(JSON.stringify({ ...options, path }))))
  }

  withToken(token) {
    return new Argos(this.#native.withToken(token ?? undefined))
  }

  async call(name, fields = {}, terms = null) {
    return read(await this.#answer(name, fields, terms))
  }

  async [NAMED](name, fields, terms = null) {
    return read(await this.#answer(name, fields, terms), camel)
  }

  async #answer(name, fields, terms) {
    const text = typeof fields === 'string' ? fields : JSON.stringify(fields)
    const known = terms === null ? this.#native.atHand(name, text) : null
    if (known !== null) return known
    const said = terms === null ? '{}' : JSON.stringify(renamed(terms, snake))
    return unpacked(this.#native.call(name, text, said))
  }

  async start(options) {
    return unpacked(this.#native.start(JSON.stringify(options)))
  }

  async stop(graceSeconds) {
    await unpacked(this.#native.stop(graceSeconds))
  }

  async close() {
    await unpacked(this.#native.close())
  }
}

/** The form of `argos waf eval`, where bodies are base64. */
function line(record) {
  const { body, ...rest } = record
  if (body !== undefined) rest.body_b64 = Buffer.from(body).toString('base64')
  if (rest.response) rest.response = line(rest.response)
  return rest
}

class Waf {
  #native

  constructor(inner) {
    if (!(inner instanceof native.Waf)) throw new TypeError('Waf is made by Waf.compile')
    this.#native = inner
  }

  static async compile(options) {
    return new Waf(await unpacked(native.Waf.compile(JSON.stringify(options))))
  }

  async inspect(request) {
    return JSON.parse(await unpacked(this.#native.inspect(JSON.stringify(line(request)))))
  }
}

module.exports = { Argos, ArgosError, Page, Waf }
