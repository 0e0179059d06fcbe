/** One model's limits, as a row of the form. */
export type ModelLimit = { model: string; budget: number | ''; period: string; rpm: number | ''; tpm: number | '' }

type Map_ = Record<string, unknown>
const num = (v: unknown): number | '' => (typeof v === 'number' ? v : '')

/** Gathers the API's maps by model into rows. */
export function toModelLimits(row: Map_): ModelLimit[] {
  const budgets = (row.model_max_budget ?? {}) as Map_
  const rpm = (row.model_rpm_limit ?? {}) as Map_
  const tpm = (row.model_tpm_limit ?? {}) as Map_
  return [...new Set([...Object.keys(budgets), ...Object.keys(rpm), ...Object.keys(tpm)])].map((model) => {
    const b = budgets[model]
    const o = (b && typeof b === 'object' ? b : { budget_limit: b }) as Map_
    return { model, budget: num(o.budget_limit ?? o.max_budget), period: String(o.time_period ?? o.budget_duration ?? ''), rpm: num(rpm[model]), tpm: num(tpm[model]) }
  })
}

/** Spreads rows over the API's maps; an empty map is null. */
export function fromModelLimits(rows: ModelLimit[]): Map_ {
  const maps = { model_max_budget: {} as Map_, model_rpm_limit: {} as Map_, model_tpm_limit: {} as Map_ }
  for (const r of rows) {
    if (!r.model) continue
    if (r.budget !== '') maps.model_max_budget[r.model] = { budget_limit: r.budget, ...(r.period ? { time_period: r.period } : {}) }
    if (r.rpm !== '') maps.model_rpm_limit[r.model] = r.rpm
    if (r.tpm !== '') maps.model_tpm_limit[r.model] = r.tpm
  }
  return Object.fromEntries(Object.entries(maps).map(([k, m]) => [k, Object.keys(m).length ? m : null]))
}
