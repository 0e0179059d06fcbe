import { Select, Text } from '@mantine/core'
import { IconShieldCheck } from '@tabler/icons-react'
import { useMemo } from 'react'
import { Link } from 'react-router'
import { useNames } from '../../api/names'
import { readRows, useRows } from '../../api/raw'
import { KeySelect, ProjectSelect, TeamSelect } from '../../forms/EntitySelect'
import type { Column } from '../../shared/column'
import { Empty } from '../../shared/Empty'
import { count, day, daysAgo } from '../../shared/format'
import { amount, kindName, type Limit, scopeName } from '../../shared/limit'
import { everyPage } from '../../shared/everyPage'
import { ListPage } from '../../shared/ListPage'
import { Tag } from '../../shared/Tag'
import { useListState } from '../../shared/useListState'
import { scopePage } from '../../shared/ScopeOf'
import { When } from '../../shared/When'
import { RefusalDrawer } from './RefusalDrawer'

export type Refusal = {
  minute: string; count: number; reason: string; key: string | null; key_name?: string | null; key_alias?: string | null; team_id?: string | null; project_id?: string | null; scope?: string | null; scope_id?: string | null; limit_kind?: string | null; model?: string | null
  sample?: { call_id?: string | null; at?: string | null; message?: string | null; limit?: number | null; used?: number | null; asked?: number | null; reset_at?: string | null; route?: string | null; limits?: Limit[] } | null
}

const named: Record<string, string> = {
  throttling_error: 'Rate limit reached', token_not_found_in_db: 'Unknown key', no_key: 'No key was sent', malformed_key: 'Not a key', model_access_denied: 'Model not allowed', unknown_model: 'No such model',
  model_cost_map_missing: 'Model without a price', route_denied: 'Endpoint not allowed', ip_denied: 'Address not allowed', missing_user: 'No customer was named', wrong_format: 'Wrong API format', identity_not_mapped: 'Caller without a rule', expired_key: 'Key has expired',
}
export const reasonName = (r: string) => named[r] ?? r.replaceAll('_', ' ').replace(/^./, (c) => c.toUpperCase())

type Answer = { refusals: Refusal[]; total: number }

const rowKey = (r: Refusal) => [r.minute, r.reason, r.key, r.scope, r.scope_id, r.limit_kind, r.model].join('|')

// What the gateway refuses for, the commonest first.
const reasons = ['budget_exceeded', 'throttling_error', 'model_access_denied', 'unknown_model', 'expired_key', 'key_blocked', 'team_blocked', 'project_blocked', 'user_blocked', 'customer_blocked',
  'route_denied', 'ip_denied', 'token_not_found_in_db', 'malformed_key', 'no_key', 'missing_user', 'model_cost_map_missing', 'wrong_format', 'identity_not_mapped', 'unavailable']

/** Why calls were refused: whose limit it was, how much of it was used, and when it frees. */
export function Refusals() {
  const names = useNames()
  const list = useListState({ size: 50 })
  const days = Number(list.get('days') || '7')
  const params = { team_id: list.get('team'), project_id: list.get('project'), key: list.get('key'), reason: list.get('reason'), start_date: day(daysAgo(days)), page: list.page, page_size: list.size }
  const answer = useRows<Answer>('/refusals', params)
  const open = answer.data?.refusals.find((r) => rowKey(r) === list.get('open')) ?? null
  const columns = useMemo<Column<Refusal>[]>(() => [
    { id: 'at', title: 'When', value: (r) => r.sample?.at ?? r.minute, cell: (r) => <When at={r.sample?.at ?? r.minute} exact /> },
    { id: 'count', title: 'Times', align: 'right', value: (r) => r.count, cell: (r) => <Tag color="red" count>{count(r.count)}</Tag> },
    { id: 'reason', title: 'Why', value: (r) => r.reason, cell: (r) => <div style={{ maxWidth: 380 }}><Text size="sm" fw={500}>{reasonName(r.reason)}</Text><Text size="xs" c="dimmed" lineClamp={2} title={r.sample?.message ?? ''}>{r.sample?.message}</Text></div> },
    { id: 'limit', title: 'Limit of', value: (r) => `${r.scope ?? ''} ${r.scope_id ?? ''}`, from: 'wide', cell: (r) => {
      if (!r.scope) return <Text span size="sm" c="dimmed">–</Text>
      const to = scopePage(r.scope, r.scope_id)
      const unit = r.limit_kind === 'spend' ? 'USD' : ''
      return <div><Text size="sm">{to ? <Link className="plain" to={to}>{scopeName(r.scope)}</Link> : scopeName(r.scope)}{r.limit_kind && ` · ${kindName(r.limit_kind)}`}</Text>{r.sample?.limit !== null && r.sample?.limit !== undefined && <Text size="xs" c="dimmed">{amount(r.sample.used, unit)} of {amount(r.sample.limit, unit)}{r.sample.reset_at && <> · frees <When at={r.sample.reset_at} /></>}</Text>}</div>
    } },
    { id: 'key', title: 'Key', value: (r) => r.key_alias ?? r.key_name ?? r.key, cell: (r) => r.key ? <Link className="plain" to={`/keys/${r.key}`}>{r.key_alias || r.key_name || 'key'}</Link> : <Text span size="sm" c="dimmed">Unknown</Text> },
    { id: 'project', title: 'Project', value: (r) => names.projects.get(r.project_id ?? '') ?? r.project_id, from: 'wide', cell: (r) => names.projects.get(r.project_id ?? '') ?? r.project_id ?? '–' },
    { id: 'model', title: 'Model', value: (r) => r.model, from: 'xwide', cell: (r) => r.model ?? '–' },
  ], [names.projects])
  return (
    <>
    <ListPage name="refusals" columns={columns} rows={answer.data?.refusals} total={answer.data?.total} rowKey={rowKey} onRow={(r) => list.set({ open: rowKey(r) })}
      exportRows={(told) => everyPage((page) => readRows<Answer>('/refusals', { ...params, page, page_size: 1000 }).then((a) => ({ rows: a.refusals, pages: Math.ceil(a.total / 1000) })), told)} list={list} loading={answer.isFetching} error={answer.error} refresh={() => void answer.refetch()} search={null} filtered={['team', 'project', 'key', 'reason'].some((f) => list.get(f))}
      filters={<>
        <Select aria-label="Time range" w={140} allowDeselect={false} value={String(days)} onChange={(v) => list.set({ days: v })} data={[{ value: '1', label: 'Since yesterday' }, { value: '7', label: 'Last 7 days' }, { value: '30', label: 'Last 30 days' }]} />
        <TeamSelect label="" aria-label="Team" placeholder="Any team" w={150} value={list.get('team')} onChange={(v) => list.set({ team: v, project: null })} />
        <ProjectSelect label="" aria-label="Project" placeholder="Any project" w={150} team={list.get('team')} value={list.get('project')} onChange={(v) => list.set({ project: v })} />
        <KeySelect label="" aria-label="Key" placeholder="Any key" w={150} value={list.get('key')} onChange={(v) => list.set({ key: v })} />
        <Select aria-label="Reason" placeholder="Any reason" w={190} searchable clearable value={list.get('reason') || null} onChange={(v) => list.set({ reason: v })} data={reasons.map((value) => ({ value, label: reasonName(value) }))} />
      </>}
      empty={<Empty icon={IconShieldCheck} title="Nothing was refused">Calls that a limit or a rule refuses are counted here by key, reason and minute.</Empty>} />
    <RefusalDrawer row={open} onClose={() => list.set({ open: null })} />
    </>
  )
}
