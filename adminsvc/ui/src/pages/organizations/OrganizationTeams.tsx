import { IconUsers } from '@tabler/icons-react'
import { useNames } from '../../api/names'
import type { Team } from '../../api/rows'
import { BudgetBar } from '../../shared/BudgetBar'
import type { Column } from '../../shared/column'
import { DataTable } from '../../shared/DataTable'
import { Empty } from '../../shared/Empty'
import { NameCell } from '../../shared/NameCell'

const columns: Column<Team>[] = [
  { id: 'name', title: 'Team', cell: (t) => <NameCell to={`/teams/${encodeURIComponent(t.team_id!)}`} name={t.team_alias || t.team_id!} id={t.team_id} blocked={t.blocked} /> },
  { id: 'members', title: 'Members', align: 'right', cell: (t) => t.members_count ?? 0 },
  { id: 'keys', title: 'Keys', align: 'right', cell: (t) => t.keys_count ?? 0 },
  { id: 'spend', title: 'Spend / Budget', width: 200, cell: (t) => <BudgetBar spend={t.spend} limit={t.max_budget} /> },
]

export function OrganizationTeams({ organization }: { organization: string }) {
  const { teamRows } = useNames()
  return <div className="card"><DataTable label="teams" columns={columns} rows={teamRows.filter((t) => t.organization_id === organization)} rowKey={(t) => t.team_id!} link={(t) => `/teams/${encodeURIComponent(t.team_id!)}`} empty={<Empty icon={IconUsers} title="No teams yet">Create a team, and choose this organization.</Empty>} /></div>
}
