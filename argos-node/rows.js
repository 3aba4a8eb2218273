'use strict'
// The compact text of results, as `Rows` of the core writes it, as plain data.

const { kept } = require('./records.js')

/** Makes `name` a field of `record`, also the one name that an assignment would not make a field of. */
function put(record, name, value) {
  if (name === '__proto__') Object.defineProperty(record, name, { value, enumerable: true, writable: true, configurable: true })
  else record[name] = value
}

function plain(value, shapes) {
  if (typeof value !== 'object' || value === null) return value
  return value[0] > 0 ? record(value, shapes) : list(value, shapes)
}

function record(value, shapes) {
  const { own, names } = shapes.of[value[0] - 1]
  const made = {}
  for (let i = 1; i < value.length; i++) put(made, names[i - 1], plain(value[i], shapes.within(own[i - 1])))
  return made
}

function list(value, shapes) {
  if (value[0] !== 0) return table(value, shapes)
  const made = []
  for (let i = 1; i < value.length; i++) made.push(plain(value[i], shapes))
  return made
}

/** Records are copies of one that holds what all have alike: copying costs less than making. */
function table(value, shapes) {
  const { own, names } = shapes.of[-value[0] - 1]
  const alike = {}
  const different = []
  for (let i = 2; i < value.length; i++) {
    const column = value[i]
    const each = typeof column === 'object' && column !== null
    put(alike, names[i - 2], each ? null : column)
    if (each) different.push([names[i - 2], list(column, shapes.within(own[i - 2]))])
  }
  const made = []
  for (let row = 0; row < value[1]; row++) made.push({ ...alike })
  for (const [name, cells] of different) for (let row = 0; row < cells.length; row++) put(made[row], name, cells[row])
  return made
}

/** The names of each shape, as they are (`own`) and renamed; inside a field with keys of its own they stay. */
class Shapes {
  constructor(shapes, rename) {
    this.of = shapes.map((own) => ({ own, names: rename ? own.map(rename) : own }))
    this.free = rename ? new Shapes(shapes, null) : this
  }

  within(field) {
    return kept.has(field) ? this.free : this
  }
}

/** The answer to a call, with its fields renamed. */
function read(text, rename = null) {
  const [[shapes, value], generation, etag] = JSON.parse(text)
  return { value: plain(value, new Shapes(shapes, rename)), generation, etag }
}

module.exports = { read }
