/** The result of a change. */
export interface Applied<T = unknown> {
  /** The result. */
  value: T
  /** The generation that a change of configuration made. */
  generation: number | null
}

/** One page of a list. Iterating it goes through its items and those of all pages that follow. */
export class Page<T> implements AsyncIterable<T> {
  private constructor()
  /** The items of this page, in the list's order. */
  readonly items: T[]
  /** Where the next page begins; null at the end. */
  readonly nextCursor: string | null
  /** This page and those that follow, each asked for when it is reached. */
  pages(): AsyncGenerator<Page<T>>
  [Symbol.asyncIterator](): AsyncGenerator<T>
}
