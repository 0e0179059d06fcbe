// `make screenshots`: the pictures of deploy/docs, of a stack that the seed has filled.
import { mkdirSync } from 'node:fs'
import { base, launch, master, open, signIn } from './browser.mjs'
import { client, seed } from './seed.mjs'

const out = process.argv[2] ?? 'deploy/docs'
mkdirSync(out, { recursive: true })
const made = process.env.SEEDED ? null : await seed(base, master, { calls: 160 })
const api = client(base, master)
await api('PATCH', '/update/ui_settings', { enable_projects_ui: true })
const project = made?.projects['Flight search'] ?? (await api('GET', '/project/list')).find((p) => p.project_alias === 'Flight search').project_id
const key = made?.keys[0].token ?? (await api('GET', '/key/list?return_full_object=true&search=flight-search-prod')).keys[0].token
// Some of its budgets are nearly used, so that the pictures show what that looks like.
for (const p of await api('GET', '/project/list')) {
  const full = { 'Flight search': 0.94, 'Inbox triage': 0.82, 'Paper reader': 0.71, 'Doc search': 0.5 }[p.project_alias]
  if (full && p.spend > 0) await api('POST', '/project/update', { project_id: p.project_id, max_budget: Number((p.spend / full).toFixed(6)) })
}
const browser = await launch()
for (const [name, path, options] of [
  ['ui-home', '/', {}], ['ui-projects', '/projects', {}], ['ui-project', `/projects/${project}`, {}], ['ui-usage', '/usage?range=7', {}], ['ui-limits', `/keys/${key}?tab=limits`, {}], ['ui-logs-dark', '/logs', { dark: true }],
]) {
  const page = await open(browser, { ...options, height: 860 })
  await signIn(page)
  await page.goto(`${base}/ui${path}`)
  await page.locator('h1').first().waitFor()
  await page.waitForLoadState('networkidle')
  await page.waitForFunction(() => !document.querySelector('main [aria-busy=true], main .mantine-Skeleton-root'))
  await page.screenshot({ path: `${out}/${name}.png` })
  await page.context().close()
}
await browser.close()
