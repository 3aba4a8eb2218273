'use strict'

/** A refused or failed call. */
class ArgosError extends Error {
  constructor({ code, argosCode, message, fields = [], retryAfter = null }) {
    super(message)
    this.name = 'ArgosError'
    this.code = code
    this.argosCode = argosCode
    this.fields = fields
    this.retryAfter = retryAfter
  }
}

/** The error that the native part packed into the text of `error`; any other error is given back. */
function unpack(error) {
  let packed
  try {
    packed = JSON.parse(error.message)
  } catch {
    return error
  }
  return packed && typeof packed.argosCode === 'string' ? new ArgosError(packed) : error
}

module.exports = { ArgosError, unpack }
