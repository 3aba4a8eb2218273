'use strict'
// The compact text of results, as `Rows` of the core writes it, as plain data.

/** `value` with its shapes put back; lists stay the same object. */
function shaped(value, shapes) {
  const last = value.length - 1
  const shape = value[last]
  if (shape === 0) {
    value.pop()
    for (let i = 0; i < last; i++) {
      const item = value[i]
      if (typeof item === 'object' && item !== null) value[i] = shaped(item, shapes)
    }
    return value
  }
  const names = shapes[shape - 1]
  const record = {}
  for (let i = 0; i < last; i++) {
    const item = value[i]
    const plain = typeof item === 'object' && item !== null ? shaped(item, shapes) : item
    // The one name that an assignment would not make a field of.
    if (names[i] === '__proto__') Object.defineProperty(record, names[i], { value: plain, enumerable: true })
    else record[names[i]] = plain
  }
  return record
}

/** The answer to a call, with its fields renamed. */
function read(text, rename = null) {
  const [[shapes, value], generation, etag] = JSON.parse(text)
  if (rename) for (const names of shapes) names.forEach((name, i) => { names[i] = rename(name) })
  return { value: typeof value === 'object' && value !== null ? shaped(value, shapes) : value, generation, etag }
}

module.exports = { read }
