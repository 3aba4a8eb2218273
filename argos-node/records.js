'use strict'
// What the generated operations are built on: fields in JavaScript's case, and pages.

const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase())
const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** Plain data with every field renamed; texts and numbers stay. */
function renamed(value, rename) {
  if (Array.isArray(value)) return value.map((item) => renamed(item, rename))
  if (value === null || typeof value !== 'object') return value
  if (typeof value.toJSON === 'function') return value.toJSON()
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [rename(name), renamed(item, rename)]))
}

/** One page of a list. Iterating it goes through its items and those of all pages that follow. */
class Page {
  #ask

  constructor(items, nextCursor, ask = null) {
    this.items = items
    this.nextCursor = nextCursor
    this.#ask = ask
  }

  async *pages() {
    let page = this
    yield page
    while (page.#ask && page.nextCursor !== null) {
      page = await page.#ask(page.nextCursor)
      yield page
    }
  }

  async *[Symbol.asyncIterator]() {
    for await (const page of this.pages()) yield* page.items
  }
}

async function change(argos, name, fields) {
  const { value, generation } = await argos.call(name, renamed(fields, snake))
  return { value: renamed(value, camel), generation }
}

async function changePage(argos, name, fields) {
  const { value, generation } = await change(argos, name, fields)
  return { value: new Page(value.items, value.nextCursor), generation }
}

/** For inputs that are free maps: their keys stay as they are. */
async function changeMap(argos, name, fields) {
  const { value, generation } = await argos.call(name, fields)
  const { items, nextCursor } = renamed(value, camel)
  return { value: new Page(items, nextCursor), generation }
}

async function query(argos, name, fields) {
  return (await change(argos, name, fields)).value
}

async function queryPage(argos, name, fields) {
  const { items, nextCursor } = await query(argos, name, fields)
  return new Page(items, nextCursor, (cursor) => queryPage(argos, name, { ...fields, cursor }))
}

/** For results without a known form: they stay as they are. */
async function queryPlain(argos, name, fields) {
  return (await argos.call(name, renamed(fields, snake))).value
}

module.exports = { Page, change, changeMap, changePage, query, queryPage, queryPlain }
