import { Menu, Select } from '@mantine/core'
import { IconBan, IconCircleCheck, IconEdit, IconKey, IconRefresh, IconTrash } from '@tabler/icons-react'
import { type ReactNode, useMemo, useState } from 'react'
import { Link } from 'react-router'
import { call } from '../../api/client'
import { runsTeam, seesAll, writes } from '../../api/may'
import { useNames } from '../../api/names'
import { useApi, useSend } from '../../api/queries'
import type { Key } from '../../api/rows'
import { useWho } from '../../api/session'
import { ProjectSelect, TeamSelect, UserSelect } from '../../forms/EntitySelect'
import { BudgetBar } from '../../shared/BudgetBar'
import type { Column } from '../../shared/column'
import { Empty } from '../../shared/Empty'
import { everyPage } from '../../shared/everyPage'
import { count, short } from '../../shared/format'
import { ListPage } from '../../shared/ListPage'
import { NameCell } from '../../shared/NameCell'
import { RowMenu } from '../../shared/RowMenu'
import { complain, say } from '../../shared/say'
import { Quiet, Tag } from '../../shared/Tag'
import { useListState } from '../../shared/useListState'
import { When } from '../../shared/When'
import { DeleteKey } from './DeleteKey'
import { KeyModal } from './KeyModal'
import { KeyShown, type NewKey } from './KeyShown'
import { RegenerateKey } from './RegenerateKey'

type Scope = { team_id?: string; project_id?: string; user_id?: string }

/** Keys: all the caller may see, or those of a team, project or user. */
export function KeyList({ scope = {}, empty }: { scope?: Scope; empty?: ReactNode }) {
  const who = useWho()
  const names = useNames()
  const list = useListState({ sort: 'created_at', desc: true })
  const filters = { team_id: scope.team_id ?? list.get('team'), project_id: scope.project_id ?? list.get('project'), user_id: scope.user_id ?? list.get('user'), status: (list.get('status') || undefined) as 'active' | undefined, search: list.q }
  const params = { ...filters, page: list.page, size: list.size, return_full_object: true, expand: ['user'], sort_by: list.sort, sort_order: list.desc ? 'desc' : 'asc', include_team_keys: true }
  const answer = useApi('/key/list', params)
  const update = useSend('post', '/key/update')
  const [act, setAct] = useState<{ what: 'edit' | 'delete' | 'regenerate'; row: Key } | null>(null)
  const [made, setMade] = useState<NewKey | null>(null)
  const columns = useMemo<Column<Key>[]>(() => {
    const may = (k: Key) => writes(who) && (runsTeam(who, k.team_id) || (k.user_id !== null && k.user_id === who.userId))
    return [
      { id: 'key_alias', title: 'Key', sort: true, value: (k) => k.key_alias ?? k.key_name, cell: (k) => <NameCell to={`/keys/${k.token}`} name={k.key_alias || k.key_name || ''} blocked={k.blocked} badge={k.status === 'expired' && <Tag color="orange">Expired</Tag>} under={k.key_name} /> },
      { id: 'secret', title: 'Secret', value: (k) => k.key_name, hidden: true, cell: (k) => <span className="mono" style={{ color: 'var(--quiet)' }}>{k.key_name}</span> },
      ...(scope.project_id ? [] : [{ id: 'project', title: 'Project', value: (k: Key) => names.projects.get(k.project_id ?? '') ?? k.project_id, from: 'wide' as const, cell: (k: Key) => k.project_id ? <Link to={`/projects/${encodeURIComponent(k.project_id)}`} className="plain">{names.projects.get(k.project_id) ?? k.project_id}</Link> : <Quiet /> }]),
      ...(scope.team_id || scope.project_id ? [] : [{ id: 'team_id', title: 'Team', value: (k: Key) => names.teams.get(k.team_id ?? '') ?? k.team_id, from: 'wide' as const, cell: (k: Key) => k.team_id ? <Link to={`/teams/${encodeURIComponent(k.team_id)}`} className="plain">{names.teams.get(k.team_id) ?? k.team_id}</Link> : <Quiet /> }]),
      { id: 'owner', title: 'Owner', value: (k) => k.user_id, from: 'wide', cell: (k) => {
        const u = k.user as { user_email?: string | null } | null | undefined
        return k.user_id ? <span data-tip={u?.user_email ? `${u.user_email}\n${k.user_id}` : undefined}>{u?.user_email?.split('@')[0] ?? k.user_id}</span> : <Quiet />
      } },
      { id: 'spend', title: 'Spend / Budget', sort: true, value: (k) => k.spend, width: 180, cell: (k) => <BudgetBar spend={k.spend} limit={k.max_budget} /> },
      { id: 'limits', title: 'Limits', value: (k) => [k.rpm_limit !== null && `${k.rpm_limit} rpm`, k.tpm_limit !== null && `${k.tpm_limit} tpm`].filter(Boolean).join(' '), from: 'xwide', cell: (k) => <RateLimits row={k} /> },
      { id: 'last_active', title: 'Last used', value: (k) => k.last_active, from: 'wide', cell: (k) => <When at={k.last_active} none="Never" /> },
      { id: 'expires', title: 'Expires', sort: 'expires', value: (k) => k.expires, from: 'xwide', cell: (k) => <When at={k.expires} none="Never" /> },
      { id: 'created_at', title: 'Created', sort: true, value: (k) => k.created_at, from: 'xwide', cell: (k) => <When at={k.created_at} /> },
      { id: 'do', title: '', align: 'right', width: 50, cell: (k) => may(k) && (
        <RowMenu name={k.key_alias ?? k.key_name ?? ''}>
          <Menu.Item leftSection={<IconEdit size={16} />} onClick={() => setAct({ what: 'edit', row: k })}>Edit</Menu.Item>
          <Menu.Item leftSection={<IconRefresh size={16} />} onClick={() => setAct({ what: 'regenerate', row: k })}>Regenerate</Menu.Item>
          <Menu.Item leftSection={k.blocked ? <IconCircleCheck size={16} /> : <IconBan size={16} />} onClick={() => update.mutate({ body: { key: k.token!, blocked: !k.blocked } }, { onSuccess: () => say(k.blocked ? 'It can call again.' : 'Its calls are refused from now on.'), onError: complain })}>{k.blocked ? 'Unblock' : 'Block'}</Menu.Item>
          <Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={() => setAct({ what: 'delete', row: k })}>Delete</Menu.Item>
        </RowMenu>
      ) },
    ]
  }, [who, names, update, scope.project_id, scope.team_id])
  const whole = !scope.team_id && !scope.project_id && !scope.user_id
  return (
    <>
      <ListPage name="keys" columns={columns} rows={answer.data?.keys as Key[] | undefined} total={answer.data?.total_count ?? undefined} rowKey={(k) => k.token!} list={list} loading={answer.isFetching} error={answer.error}
        refresh={() => void answer.refetch()} link={(k) => `/keys/${k.token}`} filtered={!!(list.get('team') || list.get('project') || list.get('status') || list.get('user'))} search="Search by name or key id"
        exportRows={(told) => everyPage((page) => call('get', '/key/list', { params: { ...params, page, size: 100 } }).then((a) => ({ rows: (a.keys ?? []) as Key[], pages: a.total_pages ?? 1 })), told)}
        filters={<>
          {whole && <TeamSelect label="" aria-label="Team" placeholder="Any team" w={150} value={list.get('team')} onChange={(v) => list.set({ team: v, project: null })} />}
          {!scope.project_id && !scope.user_id && <ProjectSelect label="" aria-label="Project" placeholder="Any project" w={150} team={filters.team_id} value={list.get('project')} onChange={(v) => list.set({ project: v })} />}
          {whole && seesAll(who) && <UserSelect label="" aria-label="Owner" placeholder="Any owner" w={140} value={list.get('user')} onChange={(v) => list.set({ user: v })} />}
          <Select aria-label="Status" placeholder="Any status" w={130} clearable value={list.get('status') || null} onChange={(v) => list.set({ status: v })} data={[{ value: 'active', label: 'Active' }, { value: 'revoked', label: 'Blocked' }, { value: 'expired', label: 'Expired' }]} />
        </>}
        empty={empty ?? <Empty icon={IconKey} title="No keys yet">A virtual key is what an application calls with. Give it a project, and its calls are counted there.</Empty>} />
      {act?.what === 'edit' && <KeyModal row={act.row} onClose={() => setAct(null)} />}
      {act?.what === 'delete' && <DeleteKey row={act.row} onClose={() => setAct(null)} />}
      {act?.what === 'regenerate' && <RegenerateKey row={act.row} onClose={() => setAct(null)} onMade={setMade} />}
      {made && <KeyShown made={made} onClose={() => setMade(null)} />}
    </>
  )
}

export function RateLimits({ row }: { row: { rpm_limit?: number | null; tpm_limit?: number | null; max_parallel_requests?: number | null } }) {
  const parts = [
    row.rpm_limit !== null && row.rpm_limit !== undefined && `${short(row.rpm_limit)} rpm`,
    row.tpm_limit !== null && row.tpm_limit !== undefined && `${short(row.tpm_limit)} tpm`,
    row.max_parallel_requests !== null && row.max_parallel_requests !== undefined && `${count(row.max_parallel_requests)} at once`,
  ].filter(Boolean)
  return parts.length ? <span style={{ whiteSpace: 'nowrap' }}>{parts.join(' · ')}</span> : <Quiet />
}
