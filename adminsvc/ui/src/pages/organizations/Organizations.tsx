import { IconBuilding } from '@tabler/icons-react'
import { useMemo } from 'react'
import type { BodyOf } from '../../api/client'
import { isAdmin } from '../../api/may'
import { useNames } from '../../api/names'
import { useApi, useSend } from '../../api/queries'
import type { Organization } from '../../api/rows'
import { useWho } from '../../api/session'
import { BudgetBar } from '../../shared/BudgetBar'
import type { Column } from '../../shared/column'
import { CrudPage } from '../../shared/CrudPage'
import { Models } from '../../shared/Models'
import { NameCell } from '../../shared/NameCell'
import { When } from '../../shared/When'
import { organizationForm } from './form'

export default function Organizations() {
  const who = useWho()
  const { teamRows } = useNames()
  const answer = useApi('/organization/list')
  const create = useSend('post', '/organization/new')
  const update = useSend('patch', '/v2/organization/{organization_id}')
  const remove = useSend('post', '/organization/delete')
  const teams = useMemo(() => Map.groupBy(teamRows, (t) => t.organization_id ?? ''), [teamRows])
  const columns = useMemo<Column<Organization>[]>(() => [
    { id: 'name', title: 'Organization', sort: true, value: (o) => o.organization_alias, cell: (o) => <NameCell to={`/organizations/${encodeURIComponent(o.organization_id!)}`} name={o.organization_alias || o.organization_id!} id={o.organization_id} /> },
    { id: 'teams', title: 'Teams', align: 'right', sort: true, value: (o) => teams.get(o.organization_id!)?.length ?? 0, cell: (o) => teams.get(o.organization_id!)?.length ?? 0 },
    { id: 'members', title: 'Members', align: 'right', sort: true, from: 'wide', value: (o) => o.members?.length ?? 0, cell: (o) => o.members?.length ?? 0 },
    { id: 'models', title: 'Models', from: 'xwide', value: (o) => (o.models ?? []).join(' '), cell: (o) => <Models models={o.models} /> },
    { id: 'spend', title: 'Spend / Budget', sort: true, width: 200, value: (o) => o.spend, cell: (o) => <BudgetBar spend={o.spend} limit={o.max_budget} /> },
    { id: 'created', title: 'Created', sort: true, from: 'wide', value: (o) => o.created_at, cell: (o) => <When at={o.created_at} /> },
  ], [teams])
  return (
    <CrudPage icon={IconBuilding} title="Organizations" one="organization" name="organizations" about="Groups of teams, with one budget and their own admins." why="Useful when several companies or departments share this gateway. Teams work without one." columns={columns} rows={answer.data as Organization[] | undefined} answer={answer} may={isAdmin(who)}
      rowKey={(o) => o.organization_id!} label={(o) => o.organization_alias || o.organization_id!} text={(o) => `${o.organization_alias} ${o.organization_id}`} link={(o) => `/organizations/${encodeURIComponent(o.organization_id!)}`} form={organizationForm}
      create={(b) => create.mutateAsync({ body: b as BodyOf<'/organization/new', 'post'> })} update={(o, b) => update.mutateAsync({ params: { organization_id: o.organization_id! }, body: b as BodyOf<'/v2/organization/{organization_id}', 'patch'> })} remove={(o) => remove.mutateAsync({ body: { organization_ids: [o.organization_id!] } })}
      doom="Only an organization without teams and keys can be deleted. What was spent stays in Usage and Logs." />
  )
}
