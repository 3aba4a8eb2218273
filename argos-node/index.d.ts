import { Operations } from './operations'
import { Applied, Terms } from './records'

export * from './operations'
export { Applied, Page, Tagged, Terms } from './records'

/** How a data folder is opened. */
export interface OpenOptions {
  /** 64 hex digits or base64 of 32 bytes. */
  masterKey?: string
  /** A file with the master key. Without both it is `master.key` in the folder, made for a new database. */
  masterKeyFile?: string
  /** Makes a new database even where copies of an old one lie. */
  create?: boolean
}

/** What is served. */
export interface StartOptions {
  /** Addresses of the plain HTTP listener, such as `127.0.0.1:8080`; port 0 picks one. */
  http: string[]
  /** Proxy threads; 0, the default, means one for each core. */
  threads?: number
}

/**
 * One open data folder: ask, change, serve, close. Nothing waits on the main thread. Operations stand by resource,
 * such as `argos.hosts.create({ domain: … })`.
 */
export class Argos extends Operations {
  private constructor()

  /**
   * Opens a data folder, and makes it if there is none. The environment is not read.
   *
   * Fails with `ARGOS_CONFLICT` when another process has the folder, with `ARGOS_CORRUPT` for a wrong key or a
   * newer database.
   */
  static open(path: string, options?: OpenOptions): Promise<Argos>

  /**
   * The same open folder, asked by the holder of a bearer token, who may do what the token's role allows. The token
   * is looked up at every call. With null nobody asks. Closing either closes both.
   */
  withToken(token: string | null): Argos

  /** Runs the operation `name`, such as `hosts.create`, with its input as an object or as JSON text. */
  call<T = unknown>(name: string, fields?: object | string, terms?: Terms | null): Promise<Applied<T>>

  /** Serves until it is stopped; the real addresses. */
  start(options: StartOptions): Promise<string[]>

  /** Stops serving; requests in flight have `graceSeconds` to finish. */
  stop(graceSeconds: number): Promise<void>

  /** Stops at once, waits for running calls, and gives the folder back. A second time nothing happens. */
  close(): Promise<void>
}

/** Which rules inspect, and how strictly. */
export interface WafOptions {
  /** SecLang text. */
  rules?: string
  /** The folder of a core rule set; `rules` stands after its initialisation and before its detection. */
  crs?: string
  /** Whether the built-in rules inspect, before `rules`. */
  baseline?: boolean
  /** 1–4; default 1. */
  paranoia?: number
  /** Inbound anomaly threshold, 1–1000; default 5. */
  inbound?: number
  /** Outbound anomaly threshold, 1–1000; default 4. */
  outbound?: number
  /** What a disruptive outcome does; default `block`. */
  mode?: 'detect' | 'block'
  /** Whether `nolog` rules are in the result too. */
  all?: boolean
}

/** Names and values in order. */
export type HeaderPairs = ReadonlyArray<readonly [string, string]>

/** One request to inspect. */
export interface WafRequest {
  /** Echoed. */
  id?: string | number | null
  method: string
  /** The raw target. */
  uri: string
  /** Such as `HTTP/1.1`, which is the default. */
  version?: string
  headers?: HeaderPairs
  body?: Uint8Array | string
  /** The client; default 127.0.0.1. */
  remote_ip?: string
  /** The answer. Without it phases 3 and 4 do not run. */
  response?: { status: number; headers?: HeaderPairs; body?: Uint8Array | string } | null
}

/** What inspection found. */
export interface WafResult {
  id: string | number | null
  /** Whether a disruptive action was done; never when only detecting. */
  interrupted: boolean
  /** Status of the interruption. */
  status: number | null
  /** Phase of the interruption. */
  phase: number | null
  score_in: number
  score_out: number
  /** Rules whose whole chain matched, in evaluation order. */
  matched: {
    id: number
    phase: number
    msg: string
    /** Upper-case name, such as `CRITICAL`. */
    severity: string | null
    tags: string[]
    data: string
  }[]
}

/** Compiled rules that inspect requests. Nothing waits on the main thread. */
export class Waf {
  private constructor()

  /** Compiles. Fails with `ARGOS_INVALID`; `fields` have line and column of everything that is wrong. */
  static compile(options: WafOptions): Promise<Waf>

  /** Inspects one request, and its answer if there is one. */
  inspect(request: WafRequest): Promise<WafResult>
}

/** The `code` of each kind of error. */
export type ErrorCode =
  | 'ARGOS_INVALID'
  | 'ARGOS_UNAUTHORIZED'
  | 'ARGOS_FORBIDDEN'
  | 'ARGOS_NOT_FOUND'
  | 'ARGOS_CONFLICT'
  | 'ARGOS_RATE_LIMITED'
  | 'ARGOS_UNAVAILABLE'
  | 'ARGOS_CORRUPT'
  | 'ARGOS_INTERNAL'

/** One value at fault. */
export interface FieldError {
  /** Path of the field, such as `rules[3].action.config.status_code`. */
  field: string
  /** What is wrong and what is allowed. */
  reason: string
  /** Line inside a text value, from 1. */
  line?: number
  /** Column inside a text value, from 1. */
  column?: number
}

/** A refused or failed call. */
export class ArgosError extends Error {
  private constructor()
  /** The kind. */
  readonly code: ErrorCode
  /** Stable text such as `host.domain_taken`. */
  readonly argosCode: string
  /** The values at fault, if it is about values. */
  readonly fields: FieldError[]
  /** Seconds to wait, for `ARGOS_RATE_LIMITED` and `ARGOS_UNAVAILABLE`. */
  readonly retryAfter: number | null
}
