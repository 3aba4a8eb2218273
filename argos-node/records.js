'use strict'
// What the generated operations are built on: fields in JavaScript's case, and pages.

const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase())
const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** Names of fields whose value has keys of its own, in both cases. */
const kept = new Set()

function keep(...names) {
  for (const name of names) kept.add(name).add(camel(name))
}

/** Plain data with every field renamed; texts, numbers and the keys of free maps stay. */
function renamed(value, rename) {
  if (Array.isArray(value)) return value.map((item) => renamed(item, rename))
  if (value === null || typeof value !== 'object') return value
  if (typeof value.toJSON === 'function') return value.toJSON()
  const field = ([name, item]) => [rename(name), kept.has(name) ? item : renamed(item, rename)]
  return Object.fromEntries(Object.entries(value).map(field))
}

/** One page of a list. Iterating it goes through its items and those of all pages that follow. */
class Page {
  #ask

  constructor(items, nextCursor, etag = null, ask = null) {
    this.items = items
    this.nextCursor = nextCursor
    this.#ask = ask
    tagged(this, etag)
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

/** The same value with its tag, which is no field: copies and comparisons leave it out. */
function tagged(value, etag) {
  if (etag && value !== null) Object.defineProperty(value, 'etag', { value: etag })
  return value
}

/** The method that calls by name and answers in JavaScript's case. */
const NAMED = Symbol('named')

async function change(argos, name, fields, terms) {
  const { value, generation, etag } = await argos[NAMED](name, renamed(fields, snake), terms)
  return { value: tagged(value, etag), generation, etag }
}

async function changePage(argos, name, fields, terms) {
  return changeMap(argos, name, renamed(fields, snake), terms)
}

/** For inputs that are free maps: their keys stay as they are. */
async function changeMap(argos, name, fields, terms) {
  const { value, generation, etag } = await argos[NAMED](name, fields, terms)
  return { value: new Page(value.items, value.nextCursor, etag), generation, etag }
}

async function query(argos, name, fields) {
  const { value, etag } = await argos[NAMED](name, renamed(fields, snake))
  return tagged(value, etag)
}

async function queryPage(argos, name, fields) {
  const { value, etag } = await argos[NAMED](name, renamed(fields, snake))
  return new Page(value.items, value.nextCursor, etag, (cursor) => queryPage(argos, name, { ...fields, cursor }))
}

/** For results without a known form: they stay as they are. */
async function queryPlain(argos, name, fields) {
  return (await argos.call(name, renamed(fields, snake))).value
}

module.exports = {
  NAMED, Page, camel, change, changeMap, changePage, keep, kept, query, queryPage, queryPlain, renamed, snake,
}
