import { MultiSelect, Select } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useMemo, useState } from 'react'
import { listsUsers, seesAll } from '../api/may'
import { useNames } from '../api/names'
import { useApi } from '../api/queries'
import { useListed } from '../api/raw'
import type { AccessGroup, Budget, Customer, Key, User } from '../api/rows'
import { useWho } from '../api/session'

type Common = { label: string; error?: React.ReactNode; description?: React.ReactNode; placeholder?: string; disabled?: boolean; required?: boolean; 'aria-label'?: string; size?: string; w?: number | object }
type One = Common & { value: string | null; onChange: (v: string | null) => void }

const common = { searchable: true, clearable: true, limit: 100, nothingFoundMessage: 'None of that name', comboboxProps: { width: 'max-content', position: 'bottom-start' as const } }

export function TeamSelect({ value, onChange, only, ...rest }: One & { only?: (team: string) => boolean }) {
  const { teams } = useNames()
  const data = useMemo(() => withUnknown([...teams].filter(([id]) => !only || only(id) || id === value).map(([id, name]) => ({ value: id, label: name })), value), [teams, only, value])
  return <Select {...common} {...rest} value={value || null} onChange={onChange} data={data} />
}

export function ProjectSelect({ value, onChange, team, ...rest }: One & { team?: string | null }) {
  const { projectRows } = useNames()
  const data = useMemo(() => withUnknown(projectRows.filter((p) => !team || p.team_id === team).map((p) => ({ value: p.project_id!, label: p.project_alias || p.project_id! })), value), [projectRows, team, value])
  return <Select {...common} {...rest} value={value || null} onChange={onChange} data={data} />
}

export function OrganizationSelect({ value, onChange, ...rest }: One) {
  const { organizations } = useNames()
  return <Select {...common} {...rest} value={value || null} onChange={onChange} data={withUnknown([...organizations].map(([id, name]) => ({ value: id, label: name })), value)} />
}

/** Users may be many: the API searches. Who may not list them chooses themselves, or writes an id. */
export function UserSelect({ value, onChange, ...rest }: One) {
  const who = useWho()
  const lists = listsUsers(who)
  const [q, setQ] = useState('')
  const [asked] = useDebouncedValue(q.trim(), 200)
  const found = useApi('/user/list', { search: asked === value ? '' : asked, page_size: 25 }, { enabled: lists })
  const data = ((found.data?.users ?? []) as User[]).map((u) => ({ value: u.user_id!, label: u.user_alias || u.user_email || u.user_id! }))
  if (!lists && who.userId) data.push({ value: who.userId, label: who.email ?? who.userId })
  if (!lists && asked && !data.some((d) => d.value === asked || d.label === asked)) data.push({ value: asked, label: asked })
  return <Select {...common} {...rest} value={value || null} onChange={onChange} data={withUnknown(data, value)} searchValue={q} onSearchChange={setQ} filter={({ options }) => options} />
}

/** Keys are more: the API searches by name. */
export function KeySelect({ value, onChange, ...rest }: One) {
  const [q, setQ] = useState('')
  const [asked] = useDebouncedValue(q, 200)
  const found = useApi('/key/list', { search: asked === value ? '' : asked, size: 25, return_full_object: true, include_team_keys: true, sort_by: 'key_alias', sort_order: 'asc' })
  const chosen = useApi('/key/info', { key: value ?? '' }, { enabled: !!value, stale: 60_000 })
  const name = (k: Key) => k.key_alias || k.key_name || k.token!
  const data = ((found.data?.keys ?? []) as Key[]).map((k) => ({ value: k.token!, label: name(k) }))
  if (value && !data.some((d) => d.value === value)) data.unshift({ value, label: chosen.data?.info ? name(chosen.data.info as Key) : value })
  return <Select {...common} {...rest} value={value || null} onChange={onChange} data={data} searchValue={q} onSearchChange={setQ} filter={({ options }) => options} />
}

/** Customers may be many as well, and calls name some that nobody made: what is typed can be chosen. */
export function CustomerSelect({ value, onChange, ...rest }: One) {
  const [q, setQ] = useState('')
  const [asked] = useDebouncedValue(q.trim(), 200)
  const found = useListed<'/customer/list', Customer>('/customer/list', { search: asked === value ? '' : asked, page: 1, page_size: 25 })
  const data = (found.data?.rows ?? []).map((c) => ({ value: c.user_id!, label: c.alias || c.user_id! }))
  if (asked && !data.some((d) => d.value === asked || d.label === asked)) data.push({ value: asked, label: asked })
  return <Select {...common} {...rest} value={value || null} onChange={onChange} data={withUnknown(data, value)} searchValue={q} onSearchChange={setQ} filter={({ options }) => options} />
}

/** A public model name. */
export function ModelSelect({ value, onChange, ...rest }: One) {
  const all = useApi('/models', {}, { stale: 60_000 })
  const data = (all.data?.data ?? []).map((m) => (m as { id: string }).id)
  return <Select {...common} {...rest} value={value || null} onChange={onChange} data={withUnknown(data.map((id) => ({ value: id, label: id })), value)} />
}

export function BudgetSelect({ value, onChange, ...rest }: One) {
  const all = useApi('/budget/list')
  const data = ((all.data ?? []) as Budget[]).map((b) => b.budget_id!).filter((id) => !id.startsWith('budget-'))
  return <Select {...common} {...rest} value={value || null} onChange={onChange} data={withUnknown(data.map((id) => ({ value: id, label: id })), value)} />
}

export function AccessGroupsSelect({ value, onChange, ...rest }: Common & { value: string[]; onChange: (v: string[]) => void }) {
  const may = seesAll(useWho()) // others may not read them
  const all = useApi('/v1/access_group', {}, { enabled: may })
  const data = ((all.data ?? []) as AccessGroup[]).map((g) => ({ value: g.access_group_id!, label: g.access_group_name ?? g.access_group_id! }))
  return <MultiSelect {...common} {...rest} disabled={rest.disabled || !may} value={value} onChange={onChange} data={data} />
}

/** A value that is no longer in the list, or not on its page, keeps its place. */
function withUnknown(data: { value: string; label: string }[], value: string | null) {
  return value && !data.some((d) => d.value === value) ? [{ value, label: value }, ...data] : data
}
