'use strict'
// Generated from the registry; a test rewrites this file with UPDATE=1.

const records = require('./records.js')

class HostsResource {
  #argos

  constructor(argos) {
    this.#argos = argos
  }

  list(fields = {}) {
    return records.queryPage(this.#argos, 'hosts.list', { ...fields })
  }

  get(id) {
    return records.query(this.#argos, 'hosts.get', { id })
  }

  create(fields) {
    return records.change(this.#argos, 'hosts.create', { ...fields })
  }

  update(id, fields = {}) {
    return records.change(this.#argos, 'hosts.update', { ...fields, id })
  }

  delete(id) {
    return records.change(this.#argos, 'hosts.delete', { id })
  }

  toggle(id, enabled) {
    return records.change(this.#argos, 'hosts.toggle', { id, enabled })
  }
}

class TargetGroupsResource {
  #argos

  constructor(argos) {
    this.#argos = argos
  }

  list(fields = {}) {
    return records.queryPage(this.#argos, 'target_groups.list', { ...fields })
  }

  get(id) {
    return records.query(this.#argos, 'target_groups.get', { id })
  }

  create(name, fields = {}) {
    return records.change(this.#argos, 'target_groups.create', { ...fields, name })
  }

  update(id, fields = {}) {
    return records.change(this.#argos, 'target_groups.update', { ...fields, id })
  }

  delete(id) {
    return records.change(this.#argos, 'target_groups.delete', { id })
  }
}

class TargetsResource {
  #argos
  #targetGroupId

  constructor(argos, targetGroupId) {
    this.#argos = argos
    this.#targetGroupId = targetGroupId
  }

  list(fields = {}) {
    return records.queryPage(this.#argos, 'targets.list', { ...fields, targetGroupId: this.#targetGroupId })
  }

  get(id) {
    return records.query(this.#argos, 'targets.get', { targetGroupId: this.#targetGroupId, id })
  }

  create(fields) {
    return records.change(this.#argos, 'targets.create', { ...fields, targetGroupId: this.#targetGroupId })
  }

  update(id, fields = {}) {
    return records.change(this.#argos, 'targets.update', { ...fields, targetGroupId: this.#targetGroupId, id })
  }

  delete(id) {
    return records.change(this.#argos, 'targets.delete', { targetGroupId: this.#targetGroupId, id })
  }

  toggle(id, enabled) {
    return records.change(this.#argos, 'targets.toggle', { targetGroupId: this.#targetGroupId, id, enabled })
  }
}

class RulesResource {
  #argos
  #hostId

  constructor(argos, hostId) {
    this.#argos = argos
    this.#hostId = hostId
  }

  list(fields = {}) {
    return records.queryPage(this.#argos, 'rules.list', { ...fields, hostId: this.#hostId })
  }

  get(id) {
    return records.query(this.#argos, 'rules.get', { hostId: this.#hostId, id })
  }

  create(fields) {
    return records.change(this.#argos, 'rules.create', { ...fields, hostId: this.#hostId })
  }

  update(id, fields = {}) {
    return records.change(this.#argos, 'rules.update', { ...fields, hostId: this.#hostId, id })
  }

  delete(id) {
    return records.change(this.#argos, 'rules.delete', { hostId: this.#hostId, id })
  }

  toggle(id, enabled) {
    return records.change(this.#argos, 'rules.toggle', { hostId: this.#hostId, id, enabled })
  }

  reorder(fields) {
    return records.changePage(this.#argos, 'rules.reorder', { ...fields, hostId: this.#hostId })
  }
}

class SecurityResource {
  #argos
  #hostId

  constructor(argos, hostId) {
    this.#argos = argos
    this.#hostId = hostId
  }

  get() {
    return records.query(this.#argos, 'security.get', { hostId: this.#hostId })
  }

  update(fields = {}) {
    return records.change(this.#argos, 'security.update', { ...fields, hostId: this.#hostId })
  }
}

class SettingsResource {
  #argos

  constructor(argos) {
    this.#argos = argos
  }

  list(fields = {}) {
    return records.queryPage(this.#argos, 'settings.list', { ...fields })
  }

  get(key) {
    return records.query(this.#argos, 'settings.get', { key })
  }

  set(key, value) {
    return records.change(this.#argos, 'settings.set', { key, value })
  }

  reset(key) {
    return records.change(this.#argos, 'settings.reset', { key })
  }

  update(values) {
    return records.changeMap(this.#argos, 'settings.update', values)
  }
}

class ConfigResource {
  #argos

  constructor(argos) {
    this.#argos = argos
  }

  versions(fields = {}) {
    return records.queryPage(this.#argos, 'config.versions', { ...fields })
  }

  diff(a, b) {
    return records.queryPage(this.#argos, 'config.diff', { a, b })
  }

  rollback(n, fields = {}) {
    return records.change(this.#argos, 'config.rollback', { ...fields, n })
  }

  blame(table, key) {
    return records.queryPage(this.#argos, 'config.blame', { table, key })
  }
}

class TokensResource {
  #argos

  constructor(argos) {
    this.#argos = argos
  }

  list(fields = {}) {
    return records.queryPage(this.#argos, 'tokens.list', { ...fields })
  }

  create(name, fields) {
    return records.change(this.#argos, 'tokens.create', { ...fields, name })
  }

  revoke(id) {
    return records.change(this.#argos, 'tokens.revoke', { id })
  }
}

class LogsResource {
  #argos

  constructor(argos) {
    this.#argos = argos
  }

  search(fields = {}) {
    return records.queryPage(this.#argos, 'logs.search', { ...fields })
  }

  get(id) {
    return records.query(this.#argos, 'logs.get', { id })
  }

  tail(fields = {}) {
    return records.queryPage(this.#argos, 'logs.tail', { ...fields })
  }
}

class SystemResource {
  #argos

  constructor(argos) {
    this.#argos = argos
  }

  version() {
    return records.query(this.#argos, 'system.version', {})
  }

  health() {
    return records.query(this.#argos, 'system.health', {})
  }

  openapi() {
    return records.queryPlain(this.#argos, 'system.openapi', {})
  }
}

class SetupResource {
  #argos

  constructor(argos) {
    this.#argos = argos
  }

  create(fields) {
    return records.change(this.#argos, 'setup.create', { ...fields })
  }
}

class Operations {
  get hosts() {
    return new HostsResource(this)
  }

  get targetGroups() {
    return new TargetGroupsResource(this)
  }

  targets(targetGroupId) {
    return new TargetsResource(this, targetGroupId)
  }

  rules(hostId) {
    return new RulesResource(this, hostId)
  }

  security(hostId) {
    return new SecurityResource(this, hostId)
  }

  get settings() {
    return new SettingsResource(this)
  }

  get config() {
    return new ConfigResource(this)
  }

  get tokens() {
    return new TokensResource(this)
  }

  get logs() {
    return new LogsResource(this)
  }

  get system() {
    return new SystemResource(this)
  }

  get setup() {
    return new SetupResource(this)
  }
}

module.exports = { Operations }
