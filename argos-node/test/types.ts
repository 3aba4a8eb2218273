// Compiled, never run: what the types allow, and what they refuse.

import { Applied, Argos, Host, Page, Rule } from '..'

export async function use(argos: Argos): Promise<void> {
  const made: Applied<Host> = await argos.hosts.create({
    domain: 'shop.test',
    tlsMode: 'none',
    targetGroup: { targets: [{ host: '127.0.0.1', port: 3000 }] },
  })
  const page: Page<Host> = await argos.hosts.list({ limit: 2 })
  for await (const host of page) host.domain.toUpperCase()
  const rule: Rule = (await argos.rules(made.value.id).create({ action: { type: 'block', config: {} } })).value
  if (rule.action.type === 'redirect') rule.action.config.statusCode.toFixed()
  await argos.hosts.update(1, { maxBodyBytes: null })
  await argos.hosts.update(1, { enabled: true }, { dryRun: true, ifMatch: made.value.etag })
  await argos.settings.update({ 'proxy.max_retries': '2' }, { ifMatch: (await argos.settings.list()).etag })
  // @ts-expect-error: not one of the words
  await argos.hosts.create({ domain: 'shop.test', tlsMode: 'maybe' })
  // @ts-expect-error: the domain is needed
  await argos.hosts.create({})
  // @ts-expect-error: null only where a field can be cleared
  await argos.hosts.update(1, { enabled: null })
  // @ts-expect-error: every field is needed
  await argos.targets(1).replace(1, { port: 1 })
  // @ts-expect-error: a token can't be tried
  await argos.tokens.create('ci', { role: 'viewer' }, { dryRun: true })
  // @ts-expect-error: there is no such field
  await argos.hosts.update(1, { colour: 1 })
}
