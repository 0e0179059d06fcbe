import { Button, Menu } from '@mantine/core'
import { IconBan, IconCircleCheck, IconEdit, IconFolders, IconPlus, IconTrash } from '@tabler/icons-react'
import { useMemo, useState } from 'react'
import { Link } from 'react-router'
import { runsSomeTeam, runsTeam } from '../../api/may'
import { useNames } from '../../api/names'
import { useSend } from '../../api/queries'
import { everyListed, useListed } from '../../api/raw'
import type { Project } from '../../api/rows'
import { useWho } from '../../api/session'
import { TeamSelect } from '../../forms/EntitySelect'
import { BudgetBar } from '../../shared/BudgetBar'
import type { Column } from '../../shared/column'
import { Empty } from '../../shared/Empty'
import { ListPage } from '../../shared/ListPage'
import { Models } from '../../shared/Models'
import { NameCell } from '../../shared/NameCell'
import { RowMenu } from '../../shared/RowMenu'
import { complain, say } from '../../shared/say'
import { useListState } from '../../shared/useListState'
import { When } from '../../shared/When'
import { DeleteProject } from './DeleteProject'
import { ProjectModal } from './ProjectModal'

/** Projects: all the caller may see, or those of a team. */
export function ProjectTable({ team: own }: { team?: string }) {
  const who = useWho()
  const list = useListState({ sort: 'created_at', desc: true })
  const names = useNames()
  const team = own ?? list.get('team')
  const params = { team_id: team, search: list.q, sort_by: list.sort, sort_order: list.desc ? 'desc' : 'asc' }
  const answer = useListed<'/project/list', Project>('/project/list', { ...params, page: list.page, page_size: list.size })
  const update = useSend('post', '/project/update')
  const [edited, setEdited] = useState<Project | null>(null)
  const [doomed, setDoomed] = useState<Project | null>(null)
  const columns = useMemo<Column<Project>[]>(() => [
    { id: 'project_alias', title: 'Project', value: (p) => p.project_alias, sort: true, cell: (p) => <NameCell to={`/projects/${encodeURIComponent(p.project_id!)}`} name={p.project_alias || p.project_id!} id={p.project_id} blocked={p.blocked} /> },
    ...(own ? [] : [{ id: 'team_alias', title: 'Team', value: (p) => names.teams.get(p.team_id ?? '') ?? p.team_id, sort: true, from: 'wide', cell: (p) => <Link to={`/teams/${encodeURIComponent(p.team_id ?? '')}`} className="plain">{names.teams.get(p.team_id ?? '') ?? p.team_id}</Link> }] as Column<Project>[]),
    { id: 'models', title: 'Models', value: (p) => (p.models ?? []).join(' '), from: 'xwide', cell: (p) => <Models models={p.models} all="All team models" /> },
    { id: 'spend', title: 'Spend / Budget', value: (p) => p.spend, sort: true, cell: (p) => <BudgetBar spend={p.spend} limit={p.max_budget} />, width: 190 },
    { id: 'rpm_limit', title: 'Requests/min', value: (p) => p.rpm_limit, sort: true, align: 'right', hidden: true, cell: (p) => p.rpm_limit?.toLocaleString() ?? '–' },
    { id: 'tpm_limit', title: 'Tokens/min', value: (p) => p.tpm_limit, sort: true, align: 'right', hidden: true, cell: (p) => p.tpm_limit?.toLocaleString() ?? '–' },
    { id: 'created_at', title: 'Created', value: (p) => p.created_at, sort: true, from: 'wide', cell: (p) => <When at={p.created_at} /> },
    { id: 'do', title: '', align: 'right', width: 50, cell: (p) => runsTeam(who, p.team_id) && (
      <RowMenu name={p.project_alias ?? p.project_id!}>
        <Menu.Item leftSection={<IconEdit size={16} />} onClick={() => setEdited(p)}>Edit</Menu.Item>
        <Menu.Item leftSection={p.blocked ? <IconCircleCheck size={16} /> : <IconBan size={16} />} onClick={() => update.mutate({ body: { project_id: p.project_id!, blocked: !p.blocked } }, { onSuccess: () => say(p.blocked ? 'Its keys can call again.' : 'All calls of its keys are refused now.'), onError: complain })}>{p.blocked ? 'Unblock' : 'Block'}</Menu.Item>
        <Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={() => setDoomed(p)}>Delete</Menu.Item>
      </RowMenu>
    ) },
  ], [names.teams, who, update, own])
  const create = (own ? runsTeam(who, own) : runsSomeTeam(who)) && <Button leftSection={<IconPlus size={16} />} onClick={() => list.set({ new: '1' })}>Create Project</Button>
  return (
    <>
      <ListPage name="projects" columns={columns} rows={answer.data?.rows} total={answer.data?.total} exportRows={(told) => everyListed<Project>('/project/list', params, told)} rowKey={(p) => p.project_id!} list={list} loading={answer.isFetching} error={answer.error}
        refresh={() => void answer.refetch()} link={(p) => `/projects/${encodeURIComponent(p.project_id!)}`} filtered={!!list.get('team')}
        filters={!own && <TeamSelect label="" aria-label="Team" placeholder="Any team" w={170} value={team} onChange={(v) => list.set({ team: v })} />}
        empty={<Empty icon={IconFolders} title="No projects yet" action={create}>{names.teams.size ? 'Give each application of a team a project of its own, and see what it costs.' : <>A project belongs to a team: <Link to="/teams?new=1">create a team</Link> first.</>}</Empty>} />
      {list.get('new') && <ProjectModal row={null} preset={team ? { team_id: team } : {}} onClose={() => list.set({ new: null })} />}
      {edited && <ProjectModal row={edited} onClose={() => setEdited(null)} />}
      {doomed && <DeleteProject project={doomed} onClose={() => setDoomed(null)} />}
    </>
  )
}
