'use strict'
// Generated from the registry; a test rewrites this file with UPDATE=1.

const records = require('./records.js')

// The keys of these are data, so they stay as they are.
records.keep('data_schema', 'event', 'headers', 'sample')

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

  create(fields, terms) {
    return records.change(this.#argos, 'hosts.create', { ...fields }, terms)
  }

  update(id, fields = {}, terms) {
    return records.change(this.#argos, 'hosts.update', { ...fields, id }, terms)
  }

  replace(id, fields, terms) {
    return records.change(this.#argos, 'hosts.replace', { ...fields, id }, terms)
  }

  delete(id, terms) {
    return records.change(this.#argos, 'hosts.delete', { id }, terms)
  }

  toggle(id, enabled, terms) {
    return records.change(this.#argos, 'hosts.toggle', { id, enabled }, terms)
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

  create(name, fields = {}, terms) {
    return records.change(this.#argos, 'target_groups.create', { ...fields, name }, terms)
  }

  update(id, fields = {}, terms) {
    return records.change(this.#argos, 'target_groups.update', { ...fields, id }, terms)
  }

  replace(id, fields, terms) {
    return records.change(this.#argos, 'target_groups.replace', { ...fields, id }, terms)
  }

  delete(id, terms) {
    return records.change(this.#argos, 'target_groups.delete', { id }, terms)
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

  create(fields, terms) {
    return records.change(this.#argos, 'targets.create', { ...fields, targetGroupId: this.#targetGroupId }, terms)
  }

  update(id, fields = {}, terms) {
    return records.change(this.#argos, 'targets.update', { ...fields, targetGroupId: this.#targetGroupId, id }, terms)
  }

  replace(id, fields, terms) {
    return records.change(this.#argos, 'targets.replace', { ...fields, targetGroupId: this.#targetGroupId, id }, terms)
  }

  delete(id, terms) {
    return records.change(this.#argos, 'targets.delete', { targetGroupId: this.#targetGroupId, id }, terms)
  }

  toggle(id, enabled, terms) {
    return records.change(this.#argos, 'targets.toggle', { targetGroupId: this.#targetGroupId, id, enabled }, terms)
  }
}

class TargetHealthResource {
  #argos

  constructor(argos) {
    this.#argos = argos
  }

  list(fields = {}) {
    return records.queryPage(this.#argos, 'target_health.list', { ...fields })
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

  create(fields, terms) {
    return records.change(this.#argos, 'rules.create', { ...fields, hostId: this.#hostId }, terms)
  }

  update(id, fields = {}, terms) {
    return records.change(this.#argos, 'rules.update', { ...fields, hostId: this.#hostId, id }, terms)
  }

  replace(id, fields, terms) {
    return records.change(this.#argos, 'rules.replace', { ...fields, hostId: this.#hostId, id }, terms)
  }

  delete(id, terms) {
    return records.change(this.#argos, 'rules.delete', { hostId: this.#hostId, id }, terms)
  }

  toggle(id, enabled, terms) {
    return records.change(this.#argos, 'rules.toggle', { hostId: this.#hostId, id, enabled }, terms)
  }

  reorder(fields, terms) {
    return records.changePage(this.#argos, 'rules.reorder', { ...fields, hostId: this.#hostId }, terms)
  }

  matchRequest(uri, fields = {}) {
    return records.query(this.#argos, 'rules.match_request', { ...fields, hostId: this.#hostId, uri })
  }
}

class RequestsResource {
  #argos

  constructor(argos) {
    this.#argos = argos
  }

  explain(fields = {}) {
    return records.query(this.#argos, 'requests.explain', { ...fields })
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

  update(fields = {}, terms) {
    return records.change(this.#argos, 'security.update', { ...fields, hostId: this.#hostId }, terms)
  }

  replace(fields, terms) {
    return records.change(this.#argos, 'security.replace', { ...fields, hostId: this.#hostId }, terms)
  }
}

class AccessResource {
  #argos
  #hostId

  constructor(argos, hostId) {
    this.#argos = argos
    this.#hostId = hostId
  }

  get() {
    return records.query(this.#argos, 'access.get', { hostId: this.#hostId })
  }

  replace(fields, terms) {
    return records.change(this.#argos, 'access.replace', { ...fields, hostId: this.#hostId }, terms)
  }
}

class ExclusionsResource {
  #argos
  #hostId

  constructor(argos, hostId) {
    this.#argos = argos
    this.#hostId = hostId
  }

  list(fields = {}) {
    return records.queryPage(this.#argos, 'exclusions.list', { ...fields, hostId: this.#hostId })
  }

  get(id) {
    return records.query(this.#argos, 'exclusions.get', { hostId: this.#hostId, id })
  }

  create(fields = {}, terms) {
    return records.change(this.#argos, 'exclusions.create', { ...fields, hostId: this.#hostId }, terms)
  }

  update(id, fields = {}, terms) {
    return records.change(this.#argos, 'exclusions.update', { ...fields, hostId: this.#hostId, id }, terms)
  }

  replace(id, fields, terms) {
    return records.change(this.#argos, 'exclusions.replace', { ...fields, hostId: this.#hostId, id }, terms)
  }

  delete(id, terms) {
    return records.change(this.#argos, 'exclusions.delete', { hostId: this.#hostId, id }, terms)
  }

  toggle(id, enabled, terms) {
    return records.change(this.#argos, 'exclusions.toggle', { hostId: this.#hostId, id, enabled }, terms)
  }
}

class CustomRulesResource {
  #argos
  #hostId

  constructor(argos, hostId) {
    this.#argos = argos
    this.#hostId = hostId
  }

  list(fields = {}) {
    return records.queryPage(this.#argos, 'custom_rules.list', { ...fields, hostId: this.#hostId })
  }

  get(id) {
    return records.query(this.#argos, 'custom_rules.get', { hostId: this.#hostId, id })
  }

  create(fields, terms) {
    return records.change(this.#argos, 'custom_rules.create', { ...fields, hostId: this.#hostId }, terms)
  }

  update(id, fields = {}, terms) {
    return records.change(this.#argos, 'custom_rules.update', { ...fields, hostId: this.#hostId, id }, terms)
  }

  replace(id, fields, terms) {
    return records.change(this.#argos, 'custom_rules.replace', { ...fields, hostId: this.#hostId, id }, terms)
  }

  delete(id, terms) {
    return records.change(this.#argos, 'custom_rules.delete', { hostId: this.#hostId, id }, terms)
  }

  toggle(id, enabled, terms) {
    return records.change(this.#argos, 'custom_rules.toggle', { hostId: this.#hostId, id, enabled }, terms)
  }
}

class WafResource {
  #argos

  constructor(argos) {
    this.#argos = argos
  }

  status() {
    return records.query(this.#argos, 'waf.status', {})
  }

  reload(terms) {
    return records.change(this.#argos, 'waf.reload', {}, terms)
  }

  install(fields, terms) {
    return records.change(this.#argos, 'waf.install', { ...fields }, terms)
  }

  evaluate(fields) {
    return records.query(this.#argos, 'waf.evaluate', { ...fields })
  }

  explain(fields = {}) {
    return records.query(this.#argos, 'waf.explain', { ...fields })
  }

  checkRules(fields) {
    return records.query(this.#argos, 'waf.check_rules', { ...fields })
  }

  rules(fields = {}) {
    return records.queryPage(this.#argos, 'waf.rules', { ...fields })
  }

  mode(mode, terms) {
    return records.change(this.#argos, 'waf.mode', { mode }, terms)
  }

  propose(fields = {}) {
    return records.query(this.#argos, 'waf.propose', { ...fields })
  }

  overview() {
    return records.query(this.#argos, 'waf.overview', {})
  }

  wouldBlock(fields = {}) {
    return records.query(this.#argos, 'waf.would_block', { ...fields })
  }
}

class CertificatesResource {
  #argos

  constructor(argos) {
    this.#argos = argos
  }

  list(fields = {}) {
    return records.queryPage(this.#argos, 'certificates.list', { ...fields })
  }

  get(id) {
    return records.query(this.#argos, 'certificates.get', { id })
  }

  chain(id) {
    return records.queryPlain(this.#argos, 'certificates.chain', { id })
  }

  localCa() {
    return records.queryPlain(this.#argos, 'certificates.local_ca', {})
  }

  status(fields = {}) {
    return records.queryPage(this.#argos, 'certificates.status', { ...fields })
  }

  upload(id, fields, terms) {
    return records.change(this.#argos, 'certificates.upload', { ...fields, id }, terms)
  }

  renew(id, fields = {}, terms) {
    return records.change(this.#argos, 'certificates.renew', { ...fields, id }, terms)
  }

  check(id) {
    return records.query(this.#argos, 'certificates.check', { id })
  }

  delete(id, fields = {}, terms) {
    return records.change(this.#argos, 'certificates.delete', { ...fields, id }, terms)
  }
}

class AcmeAccountsResource {
  #argos

  constructor(argos) {
    this.#argos = argos
  }

  list(fields = {}) {
    return records.queryPage(this.#argos, 'acme_accounts.list', { ...fields })
  }

  get(id) {
    return records.query(this.#argos, 'acme_accounts.get', { id })
  }

  create(fields, terms) {
    return records.change(this.#argos, 'acme_accounts.create', { ...fields }, terms)
  }

  delete(id, terms) {
    return records.change(this.#argos, 'acme_accounts.delete', { id }, terms)
  }
}

class DnsProvidersResource {
  #argos

  constructor(argos) {
    this.#argos = argos
  }

  list(fields = {}) {
    return records.queryPage(this.#argos, 'dns_providers.list', { ...fields })
  }

  get(id) {
    return records.query(this.#argos, 'dns_providers.get', { id })
  }

  create(name, fields, terms) {
    return records.change(this.#argos, 'dns_providers.create', { ...fields, name }, terms)
  }

  update(id, fields = {}, terms) {
    return records.change(this.#argos, 'dns_providers.update', { ...fields, id }, terms)
  }

  delete(id, terms) {
    return records.change(this.#argos, 'dns_providers.delete', { id }, terms)
  }

  test(id, fields = {}, terms) {
    return records.change(this.#argos, 'dns_providers.test', { ...fields, id }, terms)
  }
}

class ChannelsResource {
  #argos

  constructor(argos) {
    this.#argos = argos
  }

  list(fields = {}) {
    return records.queryPage(this.#argos, 'channels.list', { ...fields })
  }

  get(id) {
    return records.query(this.#argos, 'channels.get', { id })
  }

  create(name, type, fields = {}, terms) {
    return records.change(this.#argos, 'channels.create', { ...fields, name, type }, terms)
  }

  update(id, fields = {}, terms) {
    return records.change(this.#argos, 'channels.update', { ...fields, id }, terms)
  }

  delete(id, terms) {
    return records.change(this.#argos, 'channels.delete', { id }, terms)
  }

  toggle(id, enabled, terms) {
    return records.change(this.#argos, 'channels.toggle', { id, enabled }, terms)
  }

  test(id, terms) {
    return records.change(this.#argos, 'channels.test', { id }, terms)
  }
}

class NotificationsResource {
  #argos

  constructor(argos) {
    this.#argos = argos
  }

  eventTypes() {
    return records.query(this.#argos, 'notifications.event_types', {})
  }

  presets() {
    return records.query(this.#argos, 'notifications.presets', {})
  }

  render(type, eventType, fields = {}) {
    return records.query(this.#argos, 'notifications.render', { ...fields, type, eventType })
  }
}

class NotificationRulesResource {
  #argos

  constructor(argos) {
    this.#argos = argos
  }

  list(fields = {}) {
    return records.queryPage(this.#argos, 'notification_rules.list', { ...fields })
  }

  get(id) {
    return records.query(this.#argos, 'notification_rules.get', { id })
  }

  create(channelId, eventType, fields = {}, terms) {
    return records.change(this.#argos, 'notification_rules.create', { ...fields, channelId, eventType }, terms)
  }

  update(id, fields = {}, terms) {
    return records.change(this.#argos, 'notification_rules.update', { ...fields, id }, terms)
  }

  replace(id, fields, terms) {
    return records.change(this.#argos, 'notification_rules.replace', { ...fields, id }, terms)
  }

  delete(id, terms) {
    return records.change(this.#argos, 'notification_rules.delete', { id }, terms)
  }

  toggle(id, enabled, terms) {
    return records.change(this.#argos, 'notification_rules.toggle', { id, enabled }, terms)
  }
}

class DeliveriesResource {
  #argos

  constructor(argos) {
    this.#argos = argos
  }

  list(fields = {}) {
    return records.query(this.#argos, 'deliveries.list', { ...fields })
  }

  get(id) {
    return records.query(this.#argos, 'deliveries.get', { id })
  }

  retry(id, terms) {
    return records.change(this.#argos, 'deliveries.retry', { id }, terms)
  }

  recentAlerts(fields = {}) {
    return records.query(this.#argos, 'deliveries.recent_alerts', { ...fields })
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

  set(key, value, terms) {
    return records.change(this.#argos, 'settings.set', { key, value }, terms)
  }

  reset(key, terms) {
    return records.change(this.#argos, 'settings.reset', { key }, terms)
  }

  update(values, terms) {
    return records.changeMap(this.#argos, 'settings.update', values, terms)
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

  diff(a, b, fields = {}) {
    return records.queryPage(this.#argos, 'config.diff', { ...fields, a, b })
  }

  rollback(n, fields = {}, terms) {
    return records.change(this.#argos, 'config.rollback', { ...fields, n }, terms)
  }

  blame(table, key, fields = {}) {
    return records.queryPage(this.#argos, 'config.blame', { ...fields, table, key })
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

  create(name, fields, terms) {
    return records.change(this.#argos, 'tokens.create', { ...fields, name }, terms)
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

class AuthResource {
  #argos

  constructor(argos) {
    this.#argos = argos
  }

  login(fields) {
    return records.change(this.#argos, 'auth.login', { ...fields })
  }

  verifyTotp(fields) {
    return records.change(this.#argos, 'auth.verify_totp', { ...fields })
  }

  verifyRecovery(fields) {
    return records.change(this.#argos, 'auth.verify_recovery', { ...fields })
  }

  logout() {
    return records.change(this.#argos, 'auth.logout', {})
  }

  me() {
    return records.query(this.#argos, 'auth.me', {})
  }

  changePassword(fields) {
    return records.change(this.#argos, 'auth.change_password', { ...fields })
  }

  totp() {
    return records.query(this.#argos, 'auth.totp', {})
  }

  setUpTotp(fields = {}) {
    return records.change(this.#argos, 'auth.set_up_totp', { ...fields })
  }

  activateTotp(fields) {
    return records.change(this.#argos, 'auth.activate_totp', { ...fields })
  }

  disableTotp(fields) {
    return records.change(this.#argos, 'auth.disable_totp', { ...fields })
  }

  newRecoveryCodes(fields = {}) {
    return records.change(this.#argos, 'auth.new_recovery_codes', { ...fields })
  }

  oidcAvailable() {
    return records.query(this.#argos, 'auth.oidc_available', {})
  }

  oidcLogin(fields = {}) {
    return records.change(this.#argos, 'auth.oidc_login', { ...fields })
  }

  oidcCallback(fields = {}) {
    return records.change(this.#argos, 'auth.oidc_callback', { ...fields })
  }

  bindOidc(fields = {}) {
    return records.change(this.#argos, 'auth.bind_oidc', { ...fields })
  }

  unbindOidc() {
    return records.change(this.#argos, 'auth.unbind_oidc', {})
  }

  oidcConfig() {
    return records.query(this.#argos, 'auth.oidc_config', {})
  }

  setOidcConfig(fields = {}, terms) {
    return records.change(this.#argos, 'auth.set_oidc_config', { ...fields }, terms)
  }

  testOidc(fields = {}) {
    return records.query(this.#argos, 'auth.test_oidc', { ...fields })
  }

  sessions(fields = {}) {
    return records.queryPage(this.#argos, 'auth.sessions', { ...fields })
  }

  endSession(id) {
    return records.change(this.#argos, 'auth.end_session', { id })
  }

  endOtherSessions() {
    return records.change(this.#argos, 'auth.end_other_sessions', {})
  }

  returnUrl(fields) {
    return records.query(this.#argos, 'auth.return_url', { ...fields })
  }

  ticket(fields) {
    return records.change(this.#argos, 'auth.ticket', { ...fields })
  }
}

class PushResource {
  #argos

  constructor(argos) {
    this.#argos = argos
  }

  key() {
    return records.query(this.#argos, 'push.key', {})
  }

  list(fields = {}) {
    return records.queryPage(this.#argos, 'push.list', { ...fields })
  }

  subscribe(fields, terms) {
    return records.change(this.#argos, 'push.subscribe', { ...fields }, terms)
  }

  unsubscribe(id) {
    return records.change(this.#argos, 'push.unsubscribe', { id })
  }
}

class UsersResource {
  #argos

  constructor(argos) {
    this.#argos = argos
  }

  list(fields = {}) {
    return records.queryPage(this.#argos, 'users.list', { ...fields })
  }

  get(id) {
    return records.query(this.#argos, 'users.get', { id })
  }

  create(username, fields = {}, terms) {
    return records.change(this.#argos, 'users.create', { ...fields, username }, terms)
  }

  update(id, fields = {}, terms) {
    return records.change(this.#argos, 'users.update', { ...fields, id }, terms)
  }

  delete(id, terms) {
    return records.change(this.#argos, 'users.delete', { id }, terms)
  }

  setPassword(id, fields, terms) {
    return records.change(this.#argos, 'users.set_password', { ...fields, id }, terms)
  }

  disable2fa(id, fields = {}, terms) {
    return records.change(this.#argos, 'users.disable_2fa', { ...fields, id }, terms)
  }

  sessions(id, fields = {}) {
    return records.queryPage(this.#argos, 'users.sessions', { ...fields, id })
  }

  endSessions(id) {
    return records.change(this.#argos, 'users.end_sessions', { id })
  }
}

class SetupResource {
  #argos

  constructor(argos) {
    this.#argos = argos
  }

  create(fields, terms) {
    return records.change(this.#argos, 'setup.create', { ...fields }, terms)
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

  get targetHealth() {
    return new TargetHealthResource(this)
  }

  rules(hostId) {
    return new RulesResource(this, hostId)
  }

  get requests() {
    return new RequestsResource(this)
  }

  security(hostId) {
    return new SecurityResource(this, hostId)
  }

  access(hostId) {
    return new AccessResource(this, hostId)
  }

  exclusions(hostId) {
    return new ExclusionsResource(this, hostId)
  }

  customRules(hostId) {
    return new CustomRulesResource(this, hostId)
  }

  get waf() {
    return new WafResource(this)
  }

  get certificates() {
    return new CertificatesResource(this)
  }

  get acmeAccounts() {
    return new AcmeAccountsResource(this)
  }

  get dnsProviders() {
    return new DnsProvidersResource(this)
  }

  get channels() {
    return new ChannelsResource(this)
  }

  get notifications() {
    return new NotificationsResource(this)
  }

  get notificationRules() {
    return new NotificationRulesResource(this)
  }

  get deliveries() {
    return new DeliveriesResource(this)
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

  get auth() {
    return new AuthResource(this)
  }

  get push() {
    return new PushResource(this)
  }

  get users() {
    return new UsersResource(this)
  }

  get setup() {
    return new SetupResource(this)
  }
}

module.exports = { Operations }
