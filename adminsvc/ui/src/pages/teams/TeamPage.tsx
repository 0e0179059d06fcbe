import { Button, SimpleGrid } from '@mantine/core'
import { IconEdit, IconTrash } from '@tabler/icons-react'
import { useState } from 'react'
import { Link, useNavigate, useParams } from 'react-router'
import { runsTeam } from '../../api/may'
import { useNames } from '../../api/names'
import { useApi } from '../../api/queries'
import type { Team } from '../../api/rows'
import { useWho } from '../../api/session'
import { useProjectsOn } from '../../api/settings'
import { BudgetBar } from '../../shared/BudgetBar'
import { Detail } from '../../shared/Detail'
import { Facts } from '../../shared/Facts'
import { Limits } from '../../shared/Limits'
import { LimitsInForce } from '../../shared/LimitsInForce'
import { Pace } from '../../shared/Pace'
import { Models } from '../../shared/Models'
import { Panel } from '../../shared/Panel'
import { SpendByModel } from '../../shared/SpendByModel'
import { UsageOf } from '../../shared/UsageOf'
import { When } from '../../shared/When'
import { BudgetBurn } from '../usage/BudgetBurn'
import { KeyList } from '../keys/KeyList'
import { LogList } from '../logs/LogList'
import { ProjectTable } from '../projects/ProjectTable'
import { DeleteTeam } from './DeleteTeam'
import { Members, type Membership } from './Members'
import { Permissions } from './Permissions'
import { TeamModal } from './TeamModal'

export default function TeamPage() {
  const { id = '' } = useParams()
  const who = useWho()
  const names = useNames()
  const go = useNavigate()
  const projects = useProjectsOn()
  const { data, error } = useApi('/team/info', { team_id: id, key_limit: 1 })
  const t = data as (Team & { team_memberships?: unknown[] | null }) | undefined
  const [open, setOpen] = useState<'edit' | 'delete' | null>(null)
  const mine = runsTeam(who, id)
  return (
    <>
      <Detail of={{ to: '/teams', label: 'Teams' }} title={t?.team_alias || id} id={id} error={error} loading={!t} blocked={t?.blocked && 'All calls of this team’s keys are refused until it is unblocked.'}
        actions={mine && <>
          <Button variant="default" leftSection={<IconEdit size={16} />} onClick={() => setOpen('edit')}>Edit</Button>
          <Button variant="default" c="red" leftSection={<IconTrash size={16} />} onClick={() => setOpen('delete')}>Delete</Button>
        </>}
        tabs={[
          { id: 'overview', label: 'Overview', page: t && (
            <SimpleGrid cols={{ base: 1, md: 2 }}>
              <Panel title="Budget" right={<UsageOf by="team" id={id} />}><BudgetBar spend={t.spend} limit={t.max_budget} duration={t.budget_duration} wide /><Pace row={t} /></Panel>
              <Panel title="Spend by model"><SpendByModel spend={t.model_spend} /></Panel>
              <Panel title="About"><Facts rows={[
                ['Organization', t.organization_id && <Link key="o" to={`/organizations/${encodeURIComponent(t.organization_id)}`}>{names.organizations.get(t.organization_id) ?? t.organization_id}</Link>],
                ['Models', <Models key="m" models={t.models} most={30} />], ['Created', <When key="c" at={t.created_at} />], ['Changed', <When key="u" at={t.updated_at} />],
                ...Object.entries(t.metadata ?? {}).map(([k, v]): [string, string] => [k, typeof v === 'string' ? v : JSON.stringify(v)]),
              ]} /></Panel>
              <Panel title="Limits"><Limits row={t} /></Panel>
              {!!t.max_budget && <div style={{ gridColumn: '1 / -1' }}><BudgetBurn scope="team" id={id} /></div>}
            </SimpleGrid>
          ) },
          ...(projects ? [{ id: 'projects', label: 'Projects', page: <ProjectTable team={id} /> }] : []),
          { id: 'members', label: 'Members', page: <Members team={id} rows={(t?.team_memberships ?? []) as Membership[]} may={mine} /> },
          { id: 'keys', label: 'Keys', page: <KeyList scope={{ team_id: id }} /> },
          { id: 'limits', label: 'Limits in force', page: <LimitsInForce of={{ team_id: id }} /> },
          { id: 'permissions', label: 'Permissions', page: <Permissions team={id} may={mine} /> },
          { id: 'logs', label: 'Logs', page: <LogList scope={{ team_id: id }} /> },
        ]} />
      {open === 'edit' && t && <TeamModal row={t} onClose={() => setOpen(null)} />}
      {open === 'delete' && t && <DeleteTeam team={t} onClose={() => setOpen(null)} then={() => void go('/teams')} />}
    </>
  )
}
