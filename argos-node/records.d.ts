/** The result of a change. */
export interface Applied<T = unknown> {
  /** The result. */
  value: T
  /** The generation that a change of configuration made. */
  generation: number | null
  /** The tag of what was shown or changed, for `ifMatch`; null where nothing has one. */
  etag: string | null
}

/** What has a tag where it was asked for alone, or is the result of a change. */
export interface Tagged {
  /** The tag for `ifMatch`: it stands for this state of the resource. Copies do not have it. */
  readonly etag?: string
}

/** What a caller says beside the fields. */
export interface Terms {
  /** The tag that the resource must still have. */
  ifMatch?: string
  /** Whether the change is only tried. */
  dryRun?: boolean
  /** 1–255 visible characters; the same call with the same key within 24 hours is done once. */
  idempotencyKey?: string
}

/** One page of a list. Iterating it goes through its items and those of all pages that follow. */
export class Page<T> implements AsyncIterable<T> {
  private constructor()
  /** The items of this page, in the list's order. */
  readonly items: T[]
  /** Where the next page begins; null at the end. */
  readonly nextCursor: string | null
  /** The tag for `ifMatch`, where a change of the list takes one. */
  readonly etag?: string
  /** This page and those that follow, each asked for when it is reached. */
  pages(): AsyncGenerator<Page<T>>
  [Symbol.asyncIterator](): AsyncGenerator<T>
}
