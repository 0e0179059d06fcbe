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

test('the playground streams through Envoy, shows the cost, and how limits move', async () => {
  await go('/keys?new=1&team=travel')
  const form = page.getByRole('dialog', { name: 'Create virtual key' })
  await form.getByLabel(/^Name/).fill('to-play-with')
  await form.getByLabel(/^Max budget/).fill('5')
  await form.getByRole('button', { name: 'Create key' }).click()
  await page.getByRole('button', { name: 'Try it in the Playground' }).click()
  const budget = page.getByRole('table', { name: 'limits' }).getByRole('meter', { name: /^Key Budget: \$0\.00 of \$5\.00/ })
  await budget.waitFor()
  assert.equal(await page.evaluate(() => JSON.stringify(history.state ?? {}).includes('sk-')), false, 'the history keeps the key')
  await page.getByLabel('Message').fill('Which flights leave Oslo before noon?')
  await page.getByRole('button', { name: 'Send' }).click()
  await page.getByRole('heading', { name: 'What it cost' }).waitFor()
  await page.waitForFunction(() => /Cost\s*\$0\.\d+/.test(document.body.innerText))
  await page.getByRole('meter', { name: /^Key Budget: \$0\.0*[1-9]\d* of \$5\.00/ }).waitFor()
  clean()
})

test('a refused request is found with its reason', async () => {
  assert.equal(await call(base, company.keys[2].key, 'claude-2', 'Am I allowed?'), 403)
  // The journal of refusals is written by the minute's batch: asked for until it is there.
  await go('/logs?tab=refusals')
  await page.waitForFunction(() => /hotel-reviews-batch/.test(document.body.innerText) || (document.querySelector('[aria-label=Refresh]')?.click(), false), null, { polling: 1000, timeout: 90_000 })
  clean()
})

test('a refusal says whose limit it was, how much was used, and when it frees', async () => {
  const { key, token } = await api('POST', '/key/generate', { key_alias: 'two-a-minute', project_id: company.projects['Hotel reviews'], rpm_limit: 2 })
  const statuses = []
  for (let i = 0; i < 3; i++) statuses.push(await call(base, key, 'claude-3-sonnet', 'Again'))
  assert.deepEqual(statuses, [200, 200, 429])
  await go(`/logs?tab=refusals&key=${token}`)
  await page.waitForFunction(() => document.querySelector('tbody tr[data-link]') || (document.querySelector('[aria-label=Refresh]')?.click(), false), null, { polling: 1000 })
  await page.getByRole('cell', { name: /Rate limit reached/ }).click()
  const drawer = page.getByRole('dialog', { name: 'Refused request' })
  await drawer.getByRole('listitem').filter({ hasText: 'Refused' }).getByText('2 of 2 used before · needed 1 · 0 left').waitFor()
  await drawer.getByRole('listitem').filter({ hasText: 'Hotel reviews' }).first().waitFor() // the others it met are there too
  await drawer.getByText('Frees', { exact: true }).waitFor()
  await page.reload() // what is open is in the address
  await drawer.getByText('Frees', { exact: true }).waitFor()
  await drawer.getByRole('link', { name: 'Ask what would happen now' }).click()
  await page.getByRole('tab', { name: 'What if', selected: true }).waitFor()
  await page.getByRole('combobox', { name: 'It called' }).click()
  await page.getByRole('option', { name: 'claude-3-sonnet' }).click()
  await page.getByRole('button', { name: 'Ask', exact: true }).click()
  await page.getByText('It would be refused with 429').waitFor()
  clean()
})

test('requests are found by key, user, status and days, and a link opens one', async () => {
  const mine = company.keys[0]
  await page.waitForFunction(async (id) => (await (await fetch(`/spend/logs/ui?api_key=${id}&start_date=2020-01-01`)).json()).total > 0, mine.token, { polling: 1000 })
  await go('/logs')
  await page.getByRole('combobox', { name: 'Key', exact: true }).fill(mine.alias)
  await page.getByRole('option', { name: mine.alias, exact: true }).click()
  await page.waitForFunction((token) => new URLSearchParams(location.search).get('key') === token, mine.token)
  await page.getByRole('combobox', { name: 'User', exact: true }).fill('ada')
  await page.getByRole('option', { name: 'ada@northwind.example' }).click()
  await page.getByRole('combobox', { name: 'Status', exact: true }).click()
  await page.getByRole('option', { name: 'Success' }).click()
  const rows = page.getByRole('table', { name: 'requests' }).locator('tbody tr[data-link]')
  await rows.first().waitFor()
  assert.deepEqual([...new Set(await rows.locator('td:nth-child(5)').allTextContents())], [mine.alias])
  await rows.first().click()
  await page.getByRole('list', { name: 'Limits at that moment' }).waitFor()
  await page.reload()
  await page.getByRole('list', { name: 'Limits at that moment' }).waitFor()
  await page.keyboard.press('Escape')
  await page.waitForFunction(() => !location.search.includes('open='))
  clean()
})

test('limits are bars that move on every level, and keys say when they were used', async () => {
  for (const [path, what] of [['/teams/travel', /^Team Requests: \d+ of 2,000/], [`/projects/${company.projects['Flight search']}`, /^Project Requests: \d+ of 600/], [`/organizations/${company.orgs['Northwind Travel']}`, /^Organization Budget: /]]) {
    await go(`${path}?tab=limits`)
    await page.getByRole('meter', { name: what }).waitFor()
  }
  await go('/keys?q=flight-search-prod')
  const row = page.getByRole('row').filter({ hasText: 'flight-search-prod' })
  assert.match(await row.locator('td').nth(await column('Last used')).textContent(), /second|minute|now/)
  clean()
})

/** The number of a list's column. */
async function column(title) {
  await page.getByRole('columnheader', { name: title }).waitFor()
  return (await page.getByRole('columnheader').allTextContents()).indexOf(title)
}

test('what a row’s menu cannot do is said, and the list stays', async () => {
  const { token } = await api('POST', '/key/generate', { key_alias: 'soon-gone' })
  await go('/keys?q=soon-gone')
  await page.getByRole('button', { name: 'Actions for soon-gone' }).click()
  await api('POST', '/key/delete', { keys: [token] })
  await page.getByRole('menuitem', { name: 'Block' }).click()
  await page.getByRole('alert').filter({ hasText: /not found|does not exist|no such/i }).waitFor()
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

test('what is not known signs nobody out: a key in the Playground, a used invitation', async () => {
  const { id } = await api('POST', '/invitation/new', { user_id: 'linus' })
  const claimed = await fetch(`${base}/onboarding/claim_token`, { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-Requested-With': 'test' }, body: JSON.stringify({ invitation_link: id, password: 'a long password for linus' }) })
  assert.equal(claimed.status, 200)
  await go('/playground')
  await page.getByLabel('Key', { exact: true }).fill('sk-nobody-made-this-one')
  await page.getByText(/Invalid proxy server token/).waitFor()
  await page.goto(`${base}/ui?invitation_id=${id}`)
  await page.getByText(/This invitation was used already/).waitFor()
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: 'Home', exact: true }).waitFor()
  clean()
})

test('a session that ends in the middle of a form takes nothing of it along', async () => {
  const hers = await open(browser)
  await signIn(hers)
  await go('/teams?new=1', hers)
  const form = hers.getByRole('dialog', { name: 'Create team' })
  await form.getByLabel(/^Team name/).fill('Half done')
  await form.getByLabel(/^Max budget/).fill('-5')
  await form.getByRole('button', { name: 'Create team' }).click()
  await form.getByText('Max budget must not be negative').waitFor()
  await form.getByLabel(/^Max budget/).fill('5')
  await hers.context().clearCookies()
  await form.getByRole('button', { name: 'Create team' }).click()
  await hers.getByText(/Your session has ended/).waitFor()
  await hers.getByRole('button', { name: 'Use the master key' }).click()
  await hers.getByLabel('Master key').fill(master)
  await hers.getByRole('button', { name: 'Sign in', exact: true }).click()
  await hers.getByText(/Your session has ended/).waitFor({ state: 'detached' })
  assert.equal(await form.getByLabel(/^Team name/).inputValue(), 'Half done')
  await form.getByRole('button', { name: 'Create team' }).click()
  await form.waitFor({ state: 'detached' })
  await hers.getByRole('link', { name: 'Half done', exact: true }).waitFor()
  await hers.context().close()
})

test('two clicks send once, and the focus comes back', async () => {
  await api('POST', '/key/generate', { key_alias: 'clicked-twice' })
  await go('/keys?q=clicked-twice')
  const sent = []
  const hear = (r) => r.method() === 'POST' && r.url().endsWith('/regenerate') && sent.push(r.url())
  page.on('request', hear)
  await page.getByRole('button', { name: 'Actions for clicked-twice' }).click()
  await page.getByRole('menuitem', { name: 'Regenerate' }).click()
  await page.getByRole('dialog', { name: /^Regenerate/ }).getByRole('button', { name: 'Regenerate' }).dblclick()
  await page.getByRole('button', { name: 'I have stored it' }).click()
  page.off('request', hear)
  assert.equal(sent.length, 1)
  await page.getByRole('button', { name: 'Create key' }).click()
  await page.getByRole('dialog', { name: 'Create virtual key' }).waitFor()
  await page.keyboard.press('Escape')
  await page.waitForFunction(() => document.activeElement?.textContent === 'Create key')
  clean()
})

test('an address with what no list has shows what there is', async () => {
  await go('/logs?from=garbage&to=x&page=99&tab=none')
  await page.getByRole('table', { name: 'requests' }).locator('tbody tr[data-link]').first().waitFor()
  await page.waitForFunction(() => !location.search.includes('page=99'))
  await go('/usage?from=garbage&to=x')
  clean()
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
  await page.getByRole('button', { name: 'No warnings' }).waitFor()
  for (const text of ['All is well', '1 of 1 alive', 'PostgreSQL', 'Redis']) await page.getByText(text, { exact: true }).first().waitFor()
  clean()
})

// By the name of its table: that of the tab before may still be there. The first cell: what is in the middle of a row may be a link.
const firstOf = (p, list) => p.getByRole('table', { name: list }).locator('tbody tr[data-link] td:first-child').first()

/** Opens what only a click opens. */
const opened = [
  ['/logs', (p) => firstOf(p, 'requests').click(), 'Request'],
  ['/logs?tab=refusals', (p) => firstOf(p, 'refusals').click(), 'Refused request'],
  ['/logs?tab=audit', (p) => firstOf(p, 'changes').click(), null],
  ['/keys?q=voc', (p) => p.getByRole('button', { name: 'Actions for voc-weekly' }).click().then(() => p.getByRole('menuitem', { name: 'Regenerate' }).click()), /^Regenerate/],
  ['/keys?q=voc', (p) => p.getByRole('button', { name: 'Actions for voc-weekly' }).click().then(() => p.getByRole('menuitem', { name: 'Delete' }).click()), /^Delete/],
  ['/teams/travel', (p) => p.getByRole('button', { name: 'Edit' }).click(), /^Edit/],
  ['/', (p) => p.keyboard.press('Control+k'), null],
]

const pages = ['/', '/usage', '/usage?by=team&id=travel&view=table', '/logs', '/logs?tab=refusals', '/logs?tab=audit', '/projects', '/projects?new=1', '/teams', '/teams/travel', '/teams?new=1', '/teams/travel?tab=limits', '/teams/travel?tab=members', '/teams/travel?tab=permissions', '/keys', '/keys?new=1', '/users', '/users/ada', '/users?new=1', '/organizations', '/organizations?new=1', '/customers', '/customers?new=1', '/budgets', '/budgets?new=1', '/models', '/models?new=1', '/access-groups', '/access-groups?new=1', '/playground', '/settings']

for (const [name, options] of [['desktop', {}], ['phone, dark', { width: 390, height: 844, dark: true }]]) {
  test(`axe finds nothing serious on any page: ${name}`, async () => {
    const p = await open(browser, { ...options, bypassCSP: true }) // axe is put into the page
    await signIn(p)
    await p.addScriptTag({ path: axe })
    const found = []
    const project = `/projects/${company.projects['Flight search']}`, key = `/keys/${company.keys[0].token}`
    const all = [...pages, project, `${project}?tab=keys`, `${project}?tab=limits`, key, `${key}?tab=limits`, `${key}?tab=simulate`, `/organizations/${company.orgs['Northwind Travel']}`].map((path) => [path])
    for (const [path, act, dialog] of [...all, ...opened]) {
      await move(p, path)
      if (act) await act(p)
      if (act) await p.getByRole('dialog', dialog ? { name: dialog } : {}).first().waitFor()
      if (act) await p.waitForFunction(() => !document.querySelector('[role=dialog] [aria-busy=true], [role=menu]'))
      const { violations } = await p.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }))
      for (const v of violations) if (v.impact === 'serious' || v.impact === 'critical') found.push(`${path}: ${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target.join(' ') + ' ' + (n.any[0]?.message ?? '').slice(0, 140)).join(' | ')}`)
      const wide = await p.evaluate(() => document.documentElement.scrollWidth - innerWidth)
      if (wide > 0) found.push(`${path}: ${wide} px wider than the screen`)
      if (act) await p.keyboard.press('Escape')
    }
    assert.deepEqual(found, [])
    isClean(p)
    await p.context().close()
  })
}
