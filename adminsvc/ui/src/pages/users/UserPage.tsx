import { Badge, Button, SimpleGrid } from '@mantine/core'
import { IconEdit, IconMailForward } from '@tabler/icons-react'
import { useState } from 'react'
import { Link, useParams } from 'react-router'
import { isAdmin } from '../../api/may'
import { useNames } from '../../api/names'
import { useApi } from '../../api/queries'
import type { User } from '../../api/rows'
import { useWho } from '../../api/session'
import { BudgetBar } from '../../shared/BudgetBar'
import { Detail } from '../../shared/Detail'
import { Facts } from '../../shared/Facts'
import { Limits } from '../../shared/Limits'
import { LimitsInForce } from '../../shared/LimitsInForce'
import { Pace } from '../../shared/Pace'
import { Models } from '../../shared/Models'
import { Panel } from '../../shared/Panel'
import { roleName } from '../../shared/roles'
import { SpendByModel } from '../../shared/SpendByModel'
import { UsageOf } from '../../shared/UsageOf'
import { When } from '../../shared/When'
import { BudgetBurn } from '../usage/BudgetBurn'
import { KeyList } from '../keys/KeyList'
import { LogList } from '../logs/LogList'
import { Invite } from './Invite'
import { UserModal } from './UserModal'
import { userName } from './Users'

export default function UserPage() {
  const { id = '' } = useParams()
  const who = useWho()
  const names = useNames()
  const { data, error } = useApi('/v2/user/info', { user_id: id })
  const u = data as User | undefined
  const [edit, setEdit] = useState(false)
  const [invite, setInvite] = useState(false)
  return (
    <>
      <Detail of={{ to: '/users', label: 'Internal Users' }} title={u ? userName(u) : id} id={id} error={error} loading={!u} blocked={u?.blocked && 'Calls of all their keys are refused.'} badges={u && <Badge>{roleName(u.user_role)}</Badge>}
        actions={isAdmin(who) && <><Button variant="default" leftSection={<IconMailForward size={16} />} onClick={() => setInvite(true)}>Invite</Button><Button variant="default" leftSection={<IconEdit size={16} />} onClick={() => setEdit(true)}>Edit</Button></>}
        tabs={[
          { id: 'overview', label: 'Overview', page: u && (
            <SimpleGrid cols={{ base: 1, md: 2 }}>
              <Panel title="Budget" right={<UsageOf by="user" id={id} />}><BudgetBar spend={u.spend} limit={u.max_budget} duration={u.budget_duration} wide /><Pace row={u} /></Panel>
              <Panel title="Spend by model"><SpendByModel spend={u.model_spend} /></Panel>
              <Panel title="About"><Facts rows={[['E-mail', u.user_email], ['Teams', (u.teams ?? []).length > 0 && (u.teams ?? []).map((t, i) => <span key={t}>{i > 0 && ', '}<Link to={`/teams/${encodeURIComponent(t)}`}>{names.teams.get(t) ?? t}</Link></span>)], ['Models', <Models key="m" models={u.models} most={30} />], ['Created', <When key="c" at={u.created_at} />]]} /></Panel>
              <Panel title="Limits"><Limits row={u} /></Panel>
              {!!u.max_budget && <div style={{ gridColumn: '1 / -1' }}><BudgetBurn scope="user" id={id} /></div>}
            </SimpleGrid>
          ) },
          { id: 'keys', label: 'Keys', page: <KeyList scope={{ user_id: id }} /> },
          { id: 'limits', label: 'Limits in force', page: <LimitsInForce of={{ user_id: id }} /> },
          { id: 'logs', label: 'Logs', page: <LogList scope={{ user_id: id }} /> },
        ]} />
      {invite && u && <Invite user={u} onClose={() => setInvite(false)} />}
      {edit && u && <UserModal row={u} onClose={() => setEdit(false)} />}
    </>
  )
}
