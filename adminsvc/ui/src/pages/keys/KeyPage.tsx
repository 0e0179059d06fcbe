import { Badge, Button, SimpleGrid } from '@mantine/core'
import { IconEdit, IconRefresh, IconTrash } from '@tabler/icons-react'
import { useState } from 'react'
import { Link, useNavigate, useParams } from 'react-router'
import { runsTeam, seesUser, writes } from '../../api/may'
import { useNames } from '../../api/names'
import { useApi } from '../../api/queries'
import type { Key } from '../../api/rows'
import { useWho } from '../../api/session'
import { BudgetBar } from '../../shared/BudgetBar'
import { Pace } from '../../shared/Pace'
import { Detail } from '../../shared/Detail'
import { Facts } from '../../shared/Facts'
import { every } from '../../shared/format'
import { Limits } from '../../shared/Limits'
import { LimitsInForce } from '../../shared/LimitsInForce'
import { Models } from '../../shared/Models'
import { Money } from '../../shared/Money'
import { Panel } from '../../shared/Panel'
import { SpendByModel } from '../../shared/SpendByModel'
import { UsageOf } from '../../shared/UsageOf'
import { When } from '../../shared/When'
import { LogList } from '../logs/LogList'
import { DeleteKey } from './DeleteKey'
import { KeyModal } from './KeyModal'
import { KeyShown, type NewKey } from './KeyShown'
import { RegenerateKey } from './RegenerateKey'
import { WhatIf } from './WhatIf'

type Usage = Record<string, { current_spend: number; max_budget: number }>

export default function KeyPage() {
  const { id = '' } = useParams()
  const who = useWho()
  const names = useNames()
  const go = useNavigate()
  const { data, error } = useApi('/key/info', { key: id })
  const k: Key | null = data?.info ? { ...(data.info as Key), token: data.key ?? id } : null
  const [open, setOpen] = useState<'edit' | 'delete' | 'regenerate' | null>(null)
  const [made, setMade] = useState<NewKey | null>(null)
  const mine = k !== null && writes(who) && (runsTeam(who, k.team_id) || (!!k.user_id && k.user_id === who.userId))
  const windows = (k?.budget_limits_usage ?? {}) as Usage
  const byModel = (k?.model_max_budget_usage ?? {}) as Usage
  return (
    <>
      <Detail of={{ to: '/keys', label: 'Virtual Keys' }} title={k?.key_alias || k?.key_name || 'Key'} id={id} error={error} loading={!k} blocked={k?.blocked && 'Its calls are refused until it is unblocked.'}
        badges={k?.status === 'expired' && <Badge color="orange">Expired</Badge>}
        actions={mine && <>
          <Button variant="default" leftSection={<IconRefresh size={16} />} onClick={() => setOpen('regenerate')}>Regenerate</Button>
          <Button variant="default" leftSection={<IconEdit size={16} />} onClick={() => setOpen('edit')}>Edit</Button>
          <Button variant="default" c="red" leftSection={<IconTrash size={16} />} onClick={() => setOpen('delete')}>Delete</Button>
        </>}
        tabs={[
          { id: 'overview', label: 'Overview', page: k && (
            <SimpleGrid cols={{ base: 1, md: 2 }}>
              <Panel title="Budget" right={<UsageOf by="key" id={id} />}>
                <BudgetBar spend={k.spend} limit={k.max_budget} duration={k.budget_duration} wide />
                {Object.entries(windows).map(([d, u]) => <div key={d} style={{ marginTop: 10 }}><div style={{ fontSize: 12, color: 'var(--quiet)' }}>{every(d)}</div><BudgetBar spend={u.current_spend} limit={u.max_budget} /></div>)}
                {Object.entries(byModel).map(([m, u]) => <div key={m} style={{ marginTop: 10 }}><div style={{ fontSize: 12, color: 'var(--quiet)' }}>{m}</div><BudgetBar spend={u.current_spend} limit={u.max_budget} /></div>)}
                <Pace row={k} />
              </Panel>
              <Panel title="Spend by model"><SpendByModel spend={k.model_spend} /></Panel>
              <Panel title="About">
                <Facts rows={[
                  ['Secret', <span key="s" className="mono">{k.key_name}</span>],
                  ['Project', k.project_id && <Link key="p" to={`/projects/${encodeURIComponent(k.project_id)}`}>{names.projects.get(k.project_id) ?? k.project_id}</Link>],
                  ['Team', k.team_id && <Link key="t" to={`/teams/${encodeURIComponent(k.team_id)}`}>{names.teams.get(k.team_id) ?? k.team_id}</Link>],
                  ['Owner', k.user_id && !seesUser(who, k.user_id) ? k.user_id : k.user_id && <Link key="u" to={`/users/${encodeURIComponent(k.user_id)}`}>{k.user_id}</Link>],
                  ['Models', <Models key="m" models={k.models} all="All that its team and project may call" most={30} />],
                  ['Spent ever', <Money key="e" value={k.total_spend ?? k.spend} />],
                  ['Last used', <When key="l" at={k.last_active} none="Never" />],
                  ['Expires', <When key="x" at={k.expires} none="Never" full />],
                  ['Created', <When key="c" at={k.created_at} />],
                  ['Last regenerated', k.last_rotation_at && <When key="r" at={k.last_rotation_at} />],
                  ['Tags', ((k.tags ?? []) as string[]).join(', ')],
                  ['Addresses', ((k.allowed_ips ?? []) as string[]).join(', ')],
                ]} />
              </Panel>
              <Panel title="Its own limits"><Limits row={k} /></Panel>
            </SimpleGrid>
          ) },
          { id: 'limits', label: 'Limits in force', page: <LimitsInForce of={{ key: id }} /> },
          { id: 'simulate', label: 'What if', page: <WhatIf id={id} /> },
          { id: 'logs', label: 'Logs', page: <LogList scope={{ api_key: id }} /> },
        ]} />
      {open === 'edit' && k && <KeyModal row={k} onClose={() => setOpen(null)} />}
      {open === 'delete' && k && <DeleteKey row={k} onClose={() => setOpen(null)} then={() => void go('/keys')} />}
      {open === 'regenerate' && k && <RegenerateKey row={k} onClose={() => setOpen(null)} onMade={setMade} />}
      {made && <KeyShown made={made} onClose={() => { setMade(null); if (made.token && made.token !== id) void go(`/keys/${made.token}`, { replace: true }) }} />}
    </>
  )
}
