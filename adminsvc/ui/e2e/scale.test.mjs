// 200 teams, 2,000 projects and 50,000 keys: every list is there, and pages, within a bound that a person waits.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { base, launch, master, open, signIn } from './browser.mjs'
import { client } from './seed.mjs'

const api = client(base, master)
let browser

/** Runs f for 0..n-1, some at once. */
async function many(n, f, atOnce = 24) {
  let next = 0
  await Promise.all(Array.from({ length: atOnce }, async () => { while (next < n) await f(next++) }))
}

before(async () => {
  browser = await launch()
  if (process.env.SEEDED) return // a stack of an earlier run
  await api('PATCH', '/update/ui_settings', { enable_projects_ui: true })
  await many(200, (i) => api('POST', '/team/new', { team_id: `t${i}`, team_alias: `Team ${i}`, max_budget: 100 + i }))
  const projects = []
  await many(2000, async (i) => { projects[i] = (await api('POST', '/project/new', { team_id: `t${i % 200}`, project_alias: `Project ${i}`, max_budget: 10 })).project_id })
  await many(50_000, (i) => api('POST', '/key/generate', { project_id: projects[i % 2000], key_alias: `key-${i}` }))
})
after(() => browser?.close())

test('every list stays responsive', async () => {
  const page = await open(browser)
  await signIn(page)
  for (const [path, of] of [['/projects', '2,000'], ['/teams', '200'], ['/keys', '50,000'], ['/', ''], ['/usage', '']]) {
    const began = Date.now()
    await page.goto(`${base}/ui${path}`)
    await (of ? page.getByText(`of ${of}`).waitFor() : page.locator('h1').first().waitFor())
    console.log(`${path}: ${Date.now() - began} ms`)
  }
  await page.goto(`${base}/ui/keys?q=key-49999`)
  await page.getByRole('link', { name: 'key-49999', exact: true }).waitFor()
  assert.deepEqual(page.faults, [])
})
