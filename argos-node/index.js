'use strict'

const native = require('./argos.node')
const { ArgosError, unpack } = require('./errors.js')

async function unpacked(promise) {
  try {
    return await promise
  } catch (error) {
    throw unpack(error)
  }
}

class Argos {
  #native

  constructor(inner) {
    if (!(inner instanceof native.Argos)) throw new TypeError('Argos is made by Argos.open')
    this.#native = inner
  }

  static async open(path, options = {}) {
    const inner = new native.Argos()
    await unpacked(inner.open(JSON.stringify({ ...options, path })))
    return new Argos(inner)
  }

  async call(name, fields = {}) {
    const text = typeof fields === 'string' ? fields : JSON.stringify(fields)
    return JSON.parse(await unpacked(this.#native.call(name, text)))
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

module.exports = { Argos, ArgosError }
