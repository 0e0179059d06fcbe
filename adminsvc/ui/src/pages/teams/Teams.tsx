import { Button, Menu } from '@mantine/core'
import { IconBan, IconCircleCheck, IconEdit, IconPlus, IconTrash, IconUsers } from '@tabler/icons-react'
import { useMemo, useState } from 'react'
import { call } from '../../api/client'
import { isAdmin, makesTeams, runsTeam } from '../../api/may'
import { useNames } from '../../api/names'
import { useApi, useSend } from '../../api/queries'
import type { Team } from '../../api/rows'
import { useWho } from '../../api/session'
import { OrganizationSelect } from '../../forms/EntitySelect'
import { BudgetBar } from '../../shared/BudgetBar'
import type { Column } from '../../shared/column'
import { Empty } from '../../shared/Empty'
import { everyPage } from '../../shared/everyPage'
import { ListPage } from '../../shared/ListPage'
import { Models } from '../../shared/Models'
import { NameCell } from '../../shared/NameCell'
import { PageHead } from '../../shared/PageHead'
import { RowMenu } from '../../shared/RowMenu'
import { complain, say } from '../../shared/say'
import { Quiet, Tag } from '../../shared/Tag'
import { useListState } from '../../shared/useListState'
import { When } from '../../shared/When'
import { RateLimits } from '../keys/KeyList'
import { DeleteTeam } from './DeleteTeam'
import { TeamModal } from './TeamModal'

export default function Teams() {
  const who = useWho()
  const names = useNames()
  const list = useListState({ sort: 'created_at', desc: true })
  const params = { page: list.page, page_size: list.size, search: list.q, organization_id: list.get('organization'), sort_by: list.sort, sort_order: list.desc ? 'desc' : 'asc' }
  const answer = useApi('/v2/team/list', params)
  const block = useSend('post', '/team/block')
  const unblock = useSend('post', '/team/unblock')
  const [edited, setEdited] = useState<Team | null>(null)
  const [doomed, setDoomed] = useState<Team | null>(null)
  const columns = useMemo<Column<Team>[]>(() => [
    { id: 'team_alias', title: 'Team', sort: true, value: (t) => t.team_alias, cell: (t) => <NameCell to={`/teams/${encodeURIComponent(t.team_id!)}`} name={t.team_alias || t.team_id!} id={t.team_id} blocked={t.blocked} /> },
    { id: 'organization', title: 'Organization', value: (t) => names.organizations.get(t.organization_id ?? '') ?? t.organization_id, from: 'wide', cell: (t) => t.organization_id ? names.organizations.get(t.organization_id) ?? t.organization_id : <Quiet /> },
    { id: 'members', title: 'Members', align: 'right', value: (t) => t.members_count, from: 'wide', cell: (t) => <Tag count>{t.members_count ?? t.members_with_roles?.length ?? 0}</Tag> },
    { id: 'keys', title: 'Keys', align: 'right', value: (t) => t.keys_count, from: 'wide', cell: (t) => <Tag count>{t.keys_count ?? 0}</Tag> },
    { id: 'models', title: 'Models', value: (t) => (t.models ?? []).join(' '), from: 'xwide', cell: (t) => <Models models={t.models} /> },
    { id: 'spend', title: 'Spend / Budget', sort: true, value: (t) => t.spend, width: 190, cell: (t) => <BudgetBar spend={t.spend} limit={t.max_budget} /> },
    { id: 'limits', title: 'Limits', from: 'xwide', value: (t) => t.rpm_limit, cell: (t) => <RateLimits row={t} /> },
    { id: 'created_at', title: 'Created', sort: true, value: (t) => t.created_at, from: 'wide', cell: (t) => <When at={t.created_at} /> },
    { id: 'do', title: '', align: 'right', width: 50, cell: (t) => runsTeam(who, t.team_id) && (
      <RowMenu name={t.team_alias ?? t.team_id!}>
        <Menu.Item leftSection={<IconEdit size={16} />} onClick={() => setEdited(t)}>Edit</Menu.Item>
        {isAdmin(who) && <Menu.Item leftSection={t.blocked ? <IconCircleCheck size={16} /> : <IconBan size={16} />} onClick={() => (t.blocked ? unblock : block).mutate({ body: { team_id: t.team_id! } }, { onSuccess: () => say(t.blocked ? 'Its keys can call again.' : 'All calls of its keys are refused now.'), onError: complain })}>{t.blocked ? 'Unblock' : 'Block'}</Menu.Item>}
        <Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={() => setDoomed(t)}>Delete</Menu.Item>
      </RowMenu>
    ) },
  ], [who, names.organizations, block, unblock])
  const create = makesTeams(who) && <Button leftSection={<IconPlus size={16} />} onClick={() => list.set({ new: '1' })}>Create team</Button>
  return (
    <>
      <PageHead icon={IconUsers} title="Teams" about="Who works together: members, models, and a budget that all their projects and keys share.">{create}</PageHead>
      <ListPage name="teams" columns={columns} rows={answer.data?.teams as Team[] | undefined} total={answer.data?.total ?? undefined} rowKey={(t) => t.team_id!} list={list} loading={answer.isFetching} error={answer.error} refresh={() => void answer.refetch()}
        exportRows={(told) => everyPage((page) => call('get', '/v2/team/list', { params: { ...params, page, page_size: 100 } }).then((a) => ({ rows: (a.teams ?? []) as Team[], pages: a.total_pages ?? 1 })), told)}
        link={(t) => `/teams/${encodeURIComponent(t.team_id!)}`} filtered={!!list.get('organization')}
        filters={names.organizations.size > 0 && <OrganizationSelect label="" aria-label="Organization" placeholder="Any organization" w={190} value={list.get('organization')} onChange={(v) => list.set({ organization: v })} />}
        empty={<Empty icon={IconUsers} title="No teams yet" action={create}>{makesTeams(who) ? 'Start here: a team holds the budget that its projects and keys share.' : 'You are in no team. Ask an admin to add you.'}</Empty>} />
      {list.get('new') && <TeamModal row={null} onClose={() => list.set({ new: null })} />}
      {edited && <TeamModal row={edited} onClose={() => setEdited(null)} />}
      {doomed && <DeleteTeam team={doomed} onClose={() => setDoomed(null)} />}
    </>
  )
}
