// Fills a stack with a small company: what the tests look at and the screenshots show. Everything goes through the
// documented API and, for the calls, through Envoy.

/** A caller of the API with a bearer; throws on what is not a success. */
export function client(base, bearer) {
  return async (method, path, body) => {
    const reply = await fetch(base + path, {
      method,
      headers: { Authorization: `Bearer ${bearer}`, ...(body ? { 'Content-Type': 'application/json' } : {}) },
      body: body ? JSON.stringify(body) : undefined,
    })
    const text = await reply.text()
    if (!reply.ok) throw Object.assign(new Error(`${method} ${path}: ${reply.status} ${text}`), { status: reply.status })
    return text ? JSON.parse(text) : null
  }
}

/** One chat call; resolves to its status, never throws for a refusal. */
export async function call(base, key, model, text, more = {}) {
  const reply = await fetch(`${base}/v1/chat/completions`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: text }], ...more }),
  })
  await reply.text()
  return reply.status
}

const questions = ['Which flights leave Oslo before noon?', 'Summarise this contract in three points.', 'Draft a reply to the customer, polite and short.',
  'Translate the manual into Portuguese.', 'What changed in the last release?', 'Write a test for the parser.']

export async function seed(base, master, { calls = 120 } = {}) {
  const api = client(base, master)
  const post = (path, body) => api('POST', path, body)
  const orgs = {}
  for (const [alias, budget] of [['Northwind Travel', 5000], ['Fabrikam Labs', 2500]]) {
    orgs[alias] = (await post('/organization/new', { organization_alias: alias, max_budget: budget, budget_duration: '30d' })).organization_id
  }
  await post('/budget/new', { budget_id: 'starter', max_budget: 25, budget_duration: '30d', rpm_limit: 60 })
  await post('/budget/new', { budget_id: 'production', max_budget: 1000, budget_duration: '30d', rpm_limit: 600, tpm_limit: 200000 })
  for (const [user_id, user_email, user_role] of [['ada', 'ada@northwind.example', 'internal_user'], ['grace', 'grace@northwind.example', 'internal_user'],
    ['linus', 'linus@fabrikam.example', 'internal_user'], ['barbara', 'barbara@fabrikam.example', 'internal_user'],
    ['auditor', 'auditor@northwind.example', 'proxy_admin_viewer'], ['root-of-ops', 'ops@northwind.example', 'proxy_admin']]) {
    await post('/user/new', { user_id, user_email, user_role, auto_create_key: false })
  }
  const teams = {}
  for (const [team_id, alias, org, models, budget, admin] of [
    ['travel', 'Travel Search', 'Northwind Travel', ['gpt-4', 'gpt-4o-mini', 'claude-3-sonnet'], 400, 'ada'],
    ['support', 'Customer Support', 'Northwind Travel', ['gpt-4o', 'gpt-4o-mini'], 250, 'grace'],
    ['research', 'Research', 'Fabrikam Labs', [], 1000, 'linus'],
    ['platform', 'Platform', 'Fabrikam Labs', ['gpt-4o', 'gpt-3.5-turbo', 'text-embedding-ada-002'], 120, 'barbara'],
  ]) {
    teams[team_id] = await post('/team/new', { team_id, team_alias: alias, organization_id: orgs[org], models, max_budget: budget, budget_duration: '30d',
      rpm_limit: 2000, tpm_limit: 2000000, members_with_roles: [{ role: 'admin', user_id: admin }, { role: 'user', user_id: 'barbara' }] })
  }
  const projects = {}
  for (const [name, team, models, budget, extra] of [
    ['Flight search', 'travel', ['gpt-4', 'gpt-4o-mini'], 0.2, { rpm_limit: 600 }],
    ['Hotel reviews', 'travel', ['claude-3-sonnet'], 2, {}],
    ['Inbox triage', 'support', ['gpt-4o-mini'], 0.02, { tpm_limit: 90000 }],
    ['Voice of customer', 'support', [], 5, {}],
    ['Paper reader', 'research', ['gpt-4o', 'claude-3-sonnet'], 3, { model_rpm_limit: { 'gpt-4o': 300 } }],
    ['Evaluation harness', 'research', [], null, {}],
    ['Doc search', 'platform', ['text-embedding-ada-002', 'gpt-4o'], 1, {}],
    ['Sunset prototype', 'platform', ['gpt-3.5-turbo'], 0, { blocked: true }],
  ]) {
    projects[name] = (await post('/project/new', { project_alias: name, team_id: team, models, max_budget: budget ?? undefined,
      budget_duration: budget == null ? undefined : '30d', description: `${name} of ${team}`, metadata: { cost_center: `CC-${100 + Object.keys(projects).length}` }, ...extra })).project_id
  }
  const keys = []
  for (const [key_alias, project, user_id, models] of [['flight-search-prod', 'Flight search', 'ada', 'gpt-4 gpt-4o-mini'], ['flight-search-staging', 'Flight search', 'ada', 'gpt-4o-mini'],
    ['hotel-reviews-batch', 'Hotel reviews', 'grace', 'claude-3-sonnet'], ['inbox-triage', 'Inbox triage', 'grace', 'gpt-4o-mini'], ['voc-weekly', 'Voice of customer', 'grace', 'gpt-4o gpt-4o-mini'],
    ['paper-reader', 'Paper reader', 'linus', 'gpt-4o claude-3-sonnet'], ['eval-nightly', 'Evaluation harness', 'linus', 'gpt-4 gpt-4o gpt-3.5-turbo'], ['doc-search', 'Doc search', 'barbara', 'gpt-4o']]) {
    const made = await post('/key/generate', { key_alias, project_id: projects[project], user_id, rpm_limit: 600, ...(key_alias === 'voc-weekly' ? { max_budget: 3, budget_duration: '7d', duration: '90d' } : {}) })
    keys.push({ key: made.key, token: made.token ?? made.token_id, alias: key_alias, models: models.split(' ') })
  }
  await post('/customer/new', { user_id: 'acme-air', alias: 'Acme Air', max_budget: 20, budget_duration: '30d' })
  await post('/customer/new', { user_id: 'contoso-rail', alias: 'Contoso Rail', budget_id: 'starter' })
  await post('/v1/access_group', { access_group_name: 'everyday-models', description: 'Small, quick and cheap', access_model_names: ['gpt-4o-mini', 'gpt-3.5-turbo'] })
  const statuses = {}
  const one = async (i) => {
    const k = keys[i % keys.length]
    const s = await call(base, k.key, k.models[i % k.models.length], questions[i % questions.length].repeat(1 + (i % 7)), {
      max_tokens: 40 + (i % 5) * 30, ...(i % 3 === 0 ? { user: i % 2 ? 'acme-air' : 'contoso-rail' } : {}), ...(i % 4 === 0 ? { metadata: { tags: [i % 8 ? 'nightly' : 'release'] } } : {}) })
    statuses[s] = (statuses[s] ?? 0) + 1
  }
  for (let i = 0; i < calls; i += 8) await Promise.all(Array.from({ length: Math.min(8, calls - i) }, (_, j) => one(i + j)))
  // What will be refused: a model the project may not call, and a key that is not there.
  for (let i = 0; i < 5; i++) await call(base, keys[0].key, 'claude-2', 'Am I allowed?')
  return { orgs, teams, projects, keys, statuses }
}

if (process.argv[1] === import.meta.filename) {
  const [base = 'http://localhost:4000', master = 'sk-1234'] = process.argv.slice(2)
  const made = await seed(base, master)
  console.log(JSON.stringify(made.statuses), made.keys.map((k) => `${k.alias} ${k.key}`).join('\n'))
}
