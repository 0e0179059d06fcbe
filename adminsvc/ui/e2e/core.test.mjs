// The core of the web UI in a real browser, on a real stack: `purser up -- node --test e2e/core.test.mjs`. One stack serves
// all tests, in order. It is part of `make test`, so it stays short; the rest is ui.test.mjs.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { base, isClean, launch, master, open, signIn, visit } from './browser.mjs'
import { call, client, seed } from './seed.mjs'

const api = client(base, master)
let browser
let page // the admin's, signed in
let company

before(async () => {
  browser = await launch()
  page = await open(browser)
  const seeded = seed(base, master, { calls: 0 })
  await signIn(page)
  company = await seeded
})
after(() => browser?.close())

const go = (path, p = page) => visit(p, path)
const clean = (p = page) => isClean(p)

test('the documented walk-through: enable Projects, create one', async () => {
  await go('/')
  assert.equal(await page.getByRole('link', { name: /^Projects/ }).count(), 0, 'Projects is in the sidebar before it is enabled')
  await page.getByRole('button', { name: 'New', exact: true }).click()
  await page.getByRole('menuitem', { name: 'Admin Settings' }).click()
  await page.getByRole('tab', { name: /^UI Settings New/ }).click()
  await page.getByRole('switch', { name: 'Enable Projects' }).click({ force: true })
  await page.getByRole('link', { name: /^Projects New/ }).click()
  await page.getByRole('button', { name: 'Create Project' }).first().click()
  const form = page.getByRole('dialog', { name: 'Create Project' })
  const models = form.getByRole('combobox', { name: /^Models/ }).or(form.getByLabel(/^Models/)).first()
  assert.ok(await models.isDisabled(), 'models can be chosen before a team')
  await form.getByLabel(/^Project Name/).fill('Walk-through')
  await form.getByLabel(/^Team/).first().click()
  await page.getByRole('option', { name: 'Travel Search' }).click()
  await models.click()
  assert.deepEqual(await page.getByRole('option').allTextContents(), ['gpt-4', 'gpt-4o-mini', 'claude-3-sonnet'], 'other models than the team’s')
  await page.getByRole('option', { name: 'gpt-4', exact: true }).click()
  await page.keyboard.press('Escape')
  await form.getByRole('button', { name: 'Create Project' }).click()
  await form.waitFor({ state: 'detached' })
  await page.getByRole('link', { name: 'Walk-through', exact: true }).waitFor()
  const made = (await api('GET', '/project/list')).find((p) => p.project_alias === 'Walk-through')
  assert.deepEqual([made.team_id, made.models], ['travel', ['gpt-4']])
  clean()
})

test('what the API refuses is said at its field, and nothing is lost', async () => {
  await go('/projects?new=1')
  const form = page.getByRole('dialog', { name: 'Create Project' })
  await form.getByRole('button', { name: 'Create Project' }).click()
  await form.getByText('Project Name is required').waitFor()
  await form.getByLabel(/^Project Name/).fill('Too dear')
  await form.getByLabel(/^Team/).first().click()
  await page.getByRole('option', { name: 'Travel Search' }).click()
  await form.getByLabel(/^Max budget/).fill('100000')
  await form.getByRole('button', { name: 'Create Project' }).click()
  await form.getByText(/is above the 400 of its team travel/).waitFor()
  assert.equal(await form.getByLabel(/^Project Name/).inputValue(), 'Too dear')
})

test('a key is made, shown once, calls, and its request is in the logs', async () => {
  await go(`/keys?new=1&project=${company.projects['Flight search']}&team=travel`)
  const form = page.getByRole('dialog', { name: 'Create virtual key' })
  await form.getByLabel(/^Name/).fill('from-the-browser')
  await form.getByRole('button', { name: 'Create key' }).click()
  const shown = page.getByRole('dialog', { name: 'The key of from-the-browser' })
  const key = await shown.getByLabel('Key', { exact: true }).inputValue()
  assert.match(key, /^sk-/)
  assert.match(await shown.getByLabel('A first call with curl').textContent(), new RegExp(key))
  await shown.getByRole('button', { name: 'I have stored it' }).click()
  assert.equal(await call(base, key, 'gpt-4', 'Hello'), 200)
  await page.getByRole('link', { name: 'from-the-browser', exact: true }).click()
  await page.getByRole('tab', { name: 'Logs' }).click()
  const rows = page.getByRole('table', { name: 'requests' }).locator('tbody tr[data-link]')
  await page.waitForFunction(() => document.querySelector('tbody tr[data-link]') || (document.querySelector('[aria-label=Refresh]')?.click(), false), null, { polling: 500 })
  await rows.first().click()
  const drawer = page.getByRole('dialog', { name: 'Request' })
  await drawer.getByText('user_api_key_project_id').waitFor()
  // What held when it was let in: its project's budget, of which nothing was used.
  await drawer.getByRole('listitem').filter({ hasText: 'Flight search' }).filter({ hasText: /\$0\.00 of \$0\.20 used before · held \$0\.\d+ · \$0\.\d+ left/ }).waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('tab', { name: 'Limits in force' }).click()
  await page.getByRole('table', { name: 'limits' }).getByText('Project', { exact: true }).first().waitFor()
  clean()
})

test('roles see only what they may', async () => {
  await api('POST', '/user/update', { user_id: 'grace', password: 'a long password for grace' })
  const hers = await open(browser)
  await hers.goto(`${base}/ui/`)
  await hers.getByLabel(/^User name or e-mail/).fill('grace')
  await hers.getByLabel(/^Password/).fill('a long password for grace')
  await hers.getByRole('button', { name: 'Sign in', exact: true }).click()
  await hers.getByRole('navigation', { name: 'Pages' }).waitFor()
  const links = await hers.getByRole('navigation', { name: 'Pages' }).getByRole('link').allTextContents()
  assert.deepEqual(links.filter((l) => /Internal Users|Budgets|Customers|Admin Settings/.test(l)), [])
  await go('/projects', hers)
  await hers.getByRole('link', { name: 'Inbox triage', exact: true }).waitFor()
  assert.equal(await hers.getByRole('link', { name: 'Paper reader', exact: true }).count(), 0, 'she sees another team’s project')
  await hers.getByRole('button', { name: /^Account of/ }).click()
  await hers.getByRole('menuitem', { name: 'Sign out' }).click()
  await hers.getByRole('heading', { name: 'Sign in to Purser' }).waitFor()
  clean(hers)
  await hers.context().close()
})
