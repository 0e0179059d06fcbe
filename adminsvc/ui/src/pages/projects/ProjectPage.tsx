import { Button, Group, SimpleGrid } from '@mantine/core'
import { IconEdit, IconKey, IconPlus, IconTrash } from '@tabler/icons-react'
import { useState } from 'react'
import { Link, useNavigate, useParams } from 'react-router'
import { runsTeam } from '../../api/may'
import { useNames } from '../../api/names'
import { useApi } from '../../api/queries'
import { useWho } from '../../api/session'
import { BudgetBar } from '../../shared/BudgetBar'
import { Detail } from '../../shared/Detail'
import { Empty } from '../../shared/Empty'
import { Facts } from '../../shared/Facts'
import { Limits } from '../../shared/Limits'
import { LimitsInForce } from '../../shared/LimitsInForce'
import { Pace } from '../../shared/Pace'
import { Models } from '../../shared/Models'
import { Panel } from '../../shared/Panel'
import { SpendByModel } from '../../shared/SpendByModel'
import { UsageOf } from '../../shared/UsageOf'
import { When } from '../../shared/When'
import { KeyList } from '../keys/KeyList'
import { KeyModal } from '../keys/KeyModal'
import { KeyShown, type NewKey } from '../keys/KeyShown'
import { BudgetBurn } from '../usage/BudgetBurn'
import { LogList } from '../logs/LogList'
import { DeleteProject } from './DeleteProject'
import { ProjectMembers } from './ProjectMembers'
import { ProjectModal } from './ProjectModal'

export default function ProjectPage() {
  const { id = '' } = useParams()
  const who = useWho()
  const names = useNames()
  const go = useNavigate()
  const { data: p, error } = useApi('/project/info', { project_id: id })
  const [open, setOpen] = useState<'edit' | 'delete' | 'key' | null>(null)
  const [made, setMade] = useState<NewKey | null>(null)
  const mine = runsTeam(who, p?.team_id)
  return (
    <>
      <Detail of={{ to: '/projects', label: 'Projects' }} title={p?.project_alias || id} id={id} error={error} loading={!p} blocked={p?.blocked && 'All calls of this project’s keys are refused until it is unblocked.'}
        actions={mine && <>
          <Button variant="default" leftSection={<IconEdit size={16} />} onClick={() => setOpen('edit')}>Edit</Button>
          <Button variant="default" c="red" leftSection={<IconTrash size={16} />} onClick={() => setOpen('delete')}>Delete</Button>
        </>}
        tabs={p ? [
          { id: 'overview', label: 'Overview', page: (
            <SimpleGrid cols={{ base: 1, md: 2 }}>
              <Panel title="Budget" right={<UsageOf by="project" id={id} />}><BudgetBar spend={p.spend} limit={p.max_budget} duration={p.budget_duration} wide /><Pace row={p} /></Panel>
              <Panel title="Spend by model"><SpendByModel spend={p.model_spend} /></Panel>
              <Panel title="About">
                <Facts rows={[
                  ['Description', p.description],
                  ['Team', <Link key="t" to={`/teams/${encodeURIComponent(p.team_id ?? '')}`}>{names.teams.get(p.team_id ?? '') ?? p.team_id}</Link>],
                  ['Models', <Models key="m" models={p.models} all="All team models" most={30} />],
                  ['Created', <When key="c" at={p.created_at} />],
                  ['Changed', <When key="u" at={p.updated_at} />],
                  ...Object.entries(p.metadata ?? {}).map(([k, v]): [string, string] => [k, typeof v === 'string' ? v : JSON.stringify(v)]),
                ]} />
              </Panel>
              <Panel title="Limits"><Limits row={p} /></Panel>
              {!!p.max_budget && <div style={{ gridColumn: '1 / -1' }}><BudgetBurn scope="project" id={id} /></div>}
            </SimpleGrid>
          ) },
          { id: 'keys', label: 'Keys', page: <>
            {mine && <Group justify="flex-end" mb="sm"><Button size="xs" leftSection={<IconPlus size={14} />} onClick={() => setOpen('key')}>Create key</Button></Group>}
            <KeyList scope={{ project_id: id }} empty={<Empty icon={IconKey} title="No keys yet">A key of this project calls within its budget and limits.</Empty>} />
          </> },
          { id: 'limits', label: 'Limits in force', page: <LimitsInForce of={{ project_id: id }} /> },
          { id: 'members', label: 'Members', page: p.team_id ? <ProjectMembers team={p.team_id} /> : null },
          { id: 'logs', label: 'Logs', page: <LogList scope={{ project_id: id }} /> },
        ] : [{ id: 'overview', label: 'Overview', page: null }]} />
      {open === 'edit' && p && <ProjectModal row={p} onClose={() => setOpen(null)} />}
      {open === 'key' && p && <KeyModal row={null} preset={{ team_id: p.team_id, project_id: id }} onClose={() => setOpen(null)} onMade={setMade} />}
      {made && <KeyShown made={made} onClose={() => setMade(null)} />}
      {open === 'delete' && p && <DeleteProject project={p} onClose={() => setOpen(null)} then={() => void go('/projects')} />}
    </>
  )
}
