'use strict'
// Builds the native part and puts it beside this file as `argos.node`. Arguments go to cargo, such as `--release`.

const { execFileSync } = require('node:child_process')
const { copyFileSync, renameSync } = require('node:fs')
const { join } = require('node:path')

const args = ['build', '--locked', '--package', 'argos-node', '--message-format', 'json-render-diagnostics']
const output = execFileSync('cargo', [...args, ...process.argv.slice(2)], {
  cwd: __dirname,
  encoding: 'utf8',
  maxBuffer: 1 << 28,
  stdio: ['ignore', 'pipe', 'inherit'],
})
const built = output
  .split('\n')
  .filter((line) => line.startsWith('{'))
  .map((line) => JSON.parse(line))
  .find((message) => message.reason === 'compiler-artifact' && message.target.name === 'argos_node')
const file = join(__dirname, 'argos.node')
// A process that has loaded the old one keeps it.
copyFileSync(built.filenames[0], `${file}.new`)
renameSync(`${file}.new`, file)
