// What core.test.mjs leaves: `purser up -- node --test e2e/ui.test.mjs`. One stack serves all tests, in order; each looks only at
// what it made or what the seed made.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { after, before, test } from 'node:test'
import { base, isClean, launch, master, move, open, signIn, visit } from './browser.mjs'
import { call, client, seed } from './seed.mjs'

const api = client(base, master)
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
let browser
let page // the admin's, signed in
let company

before(async () => {
  browser = await launch()
  page = await open(browser)
  company = await seed(base, master, { calls: 24 })
  await api('PATCH', '/update/ui_settings', { enable_projects_ui: true })
  await signIn(page)
})
after(() => browser?.close())

const go = (path, p = page) => visit(p, path)
const clean = (p = page) => isClean(p)

test('links survive reload, old scripts are not the page', async () => {
  await go('/teams/travel?tab=members')
  await page.reload()
  await page.getByRole('tab', { name: 'Members', selected: true }).waitFor()
  await page.getByText('ada@northwind.example').first().waitFor()
  assert.equal((await fetch(`${base}/ui/assets/gone-0000.js`)).status, 404)
  assert.match((await fetch(`${base}/ui/projects`)).headers.get('content-security-policy'), /script-src 'self';/)
})

test('the playground streams through Envoy and shows the cost', async () => {
  await go('/playground')
  await page.getByLabel(/^Key/).fill(company.keys[0].key)
  await page.getByLabel('Message').fill('Which flights leave Oslo before noon?')
  await page.getByRole('button', { name: 'Send' }).click()
  await page.getByRole('heading', { name: 'What it cost' }).waitFor()
  await page.waitForFunction(() => /Cost\s*\$0\.\d+/.test(document.body.innerText))
  clean()
})

test('a refused request is found with its reason', async () => {
  assert.equal(await call(base, company.keys[2].key, 'claude-2', 'Am I allowed?'), 403)
  // The journal of refusals is written by the minute's batch: asked for until it is there.
  await go('/logs?tab=refusals')
  await page.waitForFunction(() => /hotel-reviews-batch/.test(document.body.innerText) || (document.querySelector('[aria-label=Refresh]')?.click(), false), null, { polling: 1000, timeout: 90_000 })
  clean()
})

test('an invited user chooses a password and is in', async () => {
  await go('/users/barbara')
  await page.getByRole('button', { name: 'Invite' }).click()
  const link = await page.getByRole('dialog', { name: /^Invite barbara/ }).getByRole('textbox', { name: 'Link' }).inputValue()
  const hers = await open(browser)
  await hers.goto(link)
  await hers.getByLabel(/^Password/).fill('a long password for barbara')
  await hers.getByLabel(/^Again/).fill('a long password for barbara')
  await hers.getByRole('button', { name: 'Set password and sign in' }).click()
  await hers.getByRole('button', { name: /^Account of/ }).waitFor()
  clean(hers)
  await hers.context().close()
})

test('a key has more budget for a while', async () => {
  await go(`/keys/${company.keys[4].token}`)
  await page.getByRole('button', { name: 'Edit' }).click()
  const form = page.getByRole('dialog', { name: 'Edit voc-weekly' })
  await form.getByRole('button', { name: 'Advanced settings' }).click()
  await form.getByLabel(/^More budget for a while/).fill('2')
  await form.getByLabel(/^Until/).fill('2099-01-01T10:00')
  await form.getByRole('button', { name: 'Save changes' }).click()
  await form.waitFor({ state: 'detached' })
  const { info } = await api('GET', `/key/info?key=${company.keys[4].token}`)
  assert.deepEqual([info.temp_budget_increase, new Date(info.temp_budget_expiry).toISOString()], [2, '2099-01-01T10:00:00.000Z'])
  clean()
})

test('Home says how the gateway is', async () => {
  await go('/')
  for (const text of ['All is well', '1 of 1 alive', 'PostgreSQL', 'Redis']) await page.getByText(text, { exact: true }).first().waitFor()
  clean()
})

const pages = ['/', '/usage', '/usage?by=team&id=travel&view=table', '/logs', '/logs?tab=refusals', '/logs?tab=audit', '/projects', '/projects?new=1', '/teams', '/teams/travel', '/teams/travel?tab=permissions', '/keys', '/keys?new=1', '/users', '/organizations', '/customers', '/budgets', '/models', '/access-groups', '/playground', '/settings']

for (const [name, options] of [['desktop', {}], ['phone, dark', { width: 390, height: 844, dark: true }]]) {
  test(`axe finds nothing serious on any page: ${name}`, async () => {
    const p = await open(browser, { ...options, bypassCSP: true }) // axe is put into the page
    await signIn(p)
    await p.addScriptTag({ path: axe })
    const found = []
    for (const path of pages) {
      await move(p, path)
      const { violations } = await p.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }))
      for (const v of violations) if (v.impact === 'serious' || v.impact === 'critical') found.push(`${path}: ${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target.join(' ') + ' ' + (n.any[0]?.message ?? '').slice(0, 140)).join(' | ')}`)
      const wide = await p.evaluate(() => document.documentElement.scrollWidth - innerWidth)
      if (wide > 0) found.push(`${path}: ${wide} px wider than the screen`)
    }
    assert.deepEqual(found, [])
    await p.context().close()
  })
}
