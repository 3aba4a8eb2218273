'use strict'
// What a call costs through the binding, one after the other: the median of many, in microseconds.
// Build with `npm run build -- --release` first, then `node benches/calls.js`.

const { mkdtempSync, rmSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')

const { Argos, Waf } = require('..')

const RULES = 'SecRule ARGS "@detectSQLi" "id:100001,phase:2,deny,status:403,log"'
const HEADERS = [['Host', 'shop.test'], ['User-Agent', 'Mozilla/5.0'], ['Accept', '*/*']]

async function measure(name, work, times = 3000, before = null) {
  const taken = []
  for (let i = 0; i < times; i++) {
    if (before) await before()
    const begun = process.hrtime.bigint()
    await work()
    taken.push(Number(process.hrtime.bigint() - begun))
  }
  taken.sort((a, b) => a - b)
  console.log(`${name}: ${(taken[times >> 1] / 1000).toFixed(1)} µs`)
}

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'argos-'))
  const argos = await Argos.open(folder)
  const target_group = { targets: [{ host: '127.0.0.1', port: 3000 }] }
  for (let i = 0; i < 100; i++) {
    await argos.call('hosts.create', { domain: `host${i}.test`, tls_mode: 'none', target_group })
  }
  await measure('hosts.list of 100 hosts', () => argos.call('hosts.list'))
  await measure('hosts.list of 100 hosts, typed', () => argos.hosts.list())
  // The first call after a change reads the database; those that follow are answered from memory.
  const change = async () => argos.call('hosts.toggle', { id: 1, enabled: !(await argos.hosts.get(1)).enabled })
  await measure('hosts.list of 100 hosts, first after a change', () => argos.call('hosts.list'), 300, change)
  await measure('hosts.list of 100 hosts, typed, first after a change', () => argos.hosts.list(), 300, change)
  await measure('hosts.get', () => argos.call('hosts.get', { id: 1 }))
  await measure('system.version', () => argos.call('system.version'))
  await argos.close()
  rmSync(folder, { recursive: true })

  const waf = await Waf.compile({ rules: RULES })
  await measure('inspect with one rule', () => waf.inspect({ method: 'GET', uri: '/?q=shoes', headers: HEADERS }))
  const post = { method: 'POST', uri: '/', headers: HEADERS, body: Buffer.alloc(65536, 'x') }
  await measure('inspect with one rule, body of 64 KiB', () => waf.inspect(post))
}

main()
