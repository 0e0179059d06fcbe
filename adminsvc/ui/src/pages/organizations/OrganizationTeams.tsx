import { IconUsers } from '@tabler/icons-react'
import { useApi } from '../../api/queries'
import type { Team } from '../../api/rows'
import { BudgetBar } from '../../shared/BudgetBar'
import type { Column } from '../../shared/column'
import { Empty } from '../../shared/Empty'
import { ListPage } from '../../shared/ListPage'
import { NameCell } from '../../shared/NameCell'
import { useListState } from '../../shared/useListState'

const columns: Column<Team>[] = [
  { id: 'team_alias', title: 'Team', sort: true, value: (t) => t.team_alias, cell: (t) => <NameCell to={`/teams/${encodeURIComponent(t.team_id!)}`} name={t.team_alias || t.team_id!} id={t.team_id} blocked={t.blocked} /> },
  { id: 'members', title: 'Members', align: 'right', value: (t) => t.members_count, cell: (t) => t.members_count ?? 0 },
  { id: 'keys', title: 'Keys', align: 'right', value: (t) => t.keys_count, cell: (t) => t.keys_count ?? 0 },
  { id: 'spend', title: 'Spend / Budget', width: 200, sort: true, value: (t) => t.spend, cell: (t) => <BudgetBar spend={t.spend} limit={t.max_budget} /> },
]

/** The teams of an organization, a page of them. */
export function OrganizationTeams({ organization }: { organization: string }) {
  const list = useListState({ sort: 'team_alias' })
  const answer = useApi('/v2/team/list', { organization_id: organization, page: list.page, page_size: list.size, search: list.q, sort_by: list.sort, sort_order: list.desc ? 'desc' : 'asc' })
  return (
    <ListPage name="teams" columns={columns} rows={answer.data?.teams as Team[] | undefined} total={answer.data?.total ?? undefined} rowKey={(t) => t.team_id!} list={list} loading={answer.isFetching} error={answer.error} refresh={() => void answer.refetch()} link={(t) => `/teams/${encodeURIComponent(t.team_id!)}`}
      empty={<Empty icon={IconUsers} title="No teams yet">Create a team, and choose this organization.</Empty>} />
  )
}
