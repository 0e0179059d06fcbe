import { Badge, Select, Text } from '@mantine/core'
import { IconShieldCheck } from '@tabler/icons-react'
import { useMemo } from 'react'
import { Link } from 'react-router'
import { useNames } from '../../api/names'
import { useRows } from '../../api/raw'
import { ProjectSelect, TeamSelect } from '../../forms/EntitySelect'
import type { Column } from '../../shared/column'
import { Empty } from '../../shared/Empty'
import { day, daysAgo } from '../../shared/format'
import { amount, kindName, scopeName } from '../../shared/limit'
import { ListPage } from '../../shared/ListPage'
import { useListState } from '../../shared/useListState'
import { When } from '../../shared/When'

export type Refusal = {
  minute: string; count: number; reason: string; key: string | null; key_name?: string | null; key_alias?: string | null; team_id?: string | null; project_id?: string | null; scope?: string | null; scope_id?: string | null; limit_kind?: string | null; model?: string | null
  sample?: { call_id?: string | null; at?: string | null; message?: string | null; limit?: number | null; used?: number | null; asked?: number | null; reset_at?: string | null } | null
}

export const reasonName = (r: string) => r.replaceAll('_', ' ').replace(/^./, (c) => c.toUpperCase())

const pages: Record<string, string> = { project: 'projects', team: 'teams', organization: 'organizations', key: 'keys', user: 'users' }

/** Why calls were refused: whose limit it was, how much of it was used, and when it frees. */
export function Refusals() {
  const names = useNames()
  const list = useListState({ size: 50 })
  const days = Number(list.get('days') || '7')
  const answer = useRows<{ refusals: Refusal[]; total: number }>('/refusals', { team_id: list.get('team'), project_id: list.get('project'), key: list.get('key'), reason: list.get('reason'), start_date: day(daysAgo(days)), page: list.page, page_size: list.size })
  const columns = useMemo<Column<Refusal>[]>(() => [
    { id: 'at', title: 'When', value: (r) => r.sample?.at ?? r.minute, cell: (r) => <When at={r.sample?.at ?? r.minute} /> },
    { id: 'count', title: 'Times', align: 'right', value: (r) => r.count, cell: (r) => <Badge color="red" circle={r.count < 100} size="lg">{r.count}</Badge> },
    { id: 'reason', title: 'Why', value: (r) => r.reason, cell: (r) => <div style={{ maxWidth: 380 }}><Text size="sm" fw={500}>{reasonName(r.reason)}</Text><Text size="xs" c="dimmed" lineClamp={2} title={r.sample?.message ?? ''}>{r.sample?.message}</Text></div> },
    { id: 'limit', title: 'Limit of', value: (r) => `${r.scope ?? ''} ${r.scope_id ?? ''}`, from: 'wide', cell: (r) => {
      if (!r.scope) return <Text span size="sm" c="dimmed">–</Text>
      const page = pages[r.scope]
      const unit = r.limit_kind === 'spend' ? 'USD' : ''
      return <div><Text size="sm">{page && r.scope_id ? <Link className="plain" to={`/${page}/${encodeURIComponent(r.scope_id)}`}>{scopeName(r.scope)}</Link> : scopeName(r.scope)} · {kindName(r.limit_kind)}</Text>{r.sample?.limit !== null && r.sample?.limit !== undefined && <Text size="xs" c="dimmed">{amount(r.sample.used, unit)} of {amount(r.sample.limit, unit)}{r.sample.reset_at && <> · frees <When at={r.sample.reset_at} /></>}</Text>}</div>
    } },
    { id: 'key', title: 'Key', value: (r) => r.key_alias ?? r.key_name ?? r.key, cell: (r) => r.key ? <Link className="plain" to={`/keys/${r.key}`}>{r.key_alias || r.key_name || 'key'}</Link> : <Text span size="sm" c="dimmed">Unknown</Text> },
    { id: 'project', title: 'Project', value: (r) => names.projects.get(r.project_id ?? '') ?? r.project_id, from: 'wide', cell: (r) => names.projects.get(r.project_id ?? '') ?? r.project_id ?? '–' },
    { id: 'model', title: 'Model', value: (r) => r.model, from: 'xwide', cell: (r) => r.model ?? '–' },
  ], [names.projects])
  return (
    <ListPage name="refusals" columns={columns} rows={answer.data?.refusals} total={answer.data?.total} rowKey={(r) => [r.minute, r.reason, r.key, r.scope, r.scope_id, r.limit_kind, r.model].join('|')} list={list} loading={answer.isFetching} error={answer.error} refresh={() => void answer.refetch()} search={null} filtered={!!(list.get('team') || list.get('project'))}
      filters={<>
        <Select aria-label="Time range" w={140} allowDeselect={false} value={String(days)} onChange={(v) => list.set({ days: v })} data={[{ value: '1', label: 'Since yesterday' }, { value: '7', label: 'Last 7 days' }, { value: '30', label: 'Last 30 days' }]} />
        <TeamSelect label="" aria-label="Team" placeholder="Any team" w={150} value={list.get('team')} onChange={(v) => list.set({ team: v, project: null })} />
        <ProjectSelect label="" aria-label="Project" placeholder="Any project" w={150} team={list.get('team')} value={list.get('project')} onChange={(v) => list.set({ project: v })} />
      </>}
      empty={<Empty icon={IconShieldCheck} title="Nothing was refused">Calls that a limit or a rule refuses are counted here by key, reason and minute.</Empty>} />
  )
}
