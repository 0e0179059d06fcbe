import { Button, SimpleGrid } from '@mantine/core'
import { IconEdit } from '@tabler/icons-react'
import { useState } from 'react'
import { useParams } from 'react-router'
import type { BodyOf } from '../../api/client'
import { isAdmin } from '../../api/may'
import { useApi, useSend } from '../../api/queries'
import type { Organization } from '../../api/rows'
import { useWho } from '../../api/session'
import { FormModal } from '../../forms/FormModal'
import { BudgetBar } from '../../shared/BudgetBar'
import { Detail } from '../../shared/Detail'
import { Facts } from '../../shared/Facts'
import { Limits } from '../../shared/Limits'
import { Models } from '../../shared/Models'
import { LimitsInForce } from '../../shared/LimitsInForce'
import { Pace } from '../../shared/Pace'
import { Panel } from '../../shared/Panel'
import { say } from '../../shared/say'
import { SpendByModel } from '../../shared/SpendByModel'
import { UsageOf } from '../../shared/UsageOf'
import { When } from '../../shared/When'
import { BudgetBurn } from '../usage/BudgetBurn'
import { LogList } from '../logs/LogList'
import { organizationForm } from './form'
import { OrganizationMembers, type OrganizationMember } from './OrganizationMembers'
import { OrganizationTeams } from './OrganizationTeams'

export default function OrganizationPage() {
  const { id = '' } = useParams()
  const who = useWho()
  const { data, error } = useApi('/organization/info', { organization_id: id })
  const o = data as Organization | undefined
  const update = useSend('patch', '/v2/organization/{organization_id}')
  const [edit, setEdit] = useState(false)
  const may = isAdmin(who) || who.orgAdmin.includes(id)
  return (
    <>
      <Detail of={{ to: '/organizations', label: 'Organizations' }} title={o?.organization_alias || id} id={id} error={error} loading={!o} actions={may && <Button variant="default" leftSection={<IconEdit size={16} />} onClick={() => setEdit(true)}>Edit</Button>}
        tabs={[
          { id: 'overview', label: 'Overview', page: o && (
            <SimpleGrid cols={{ base: 1, md: 2 }}>
              <Panel title="Budget" right={<UsageOf by="organization" id={id} />}><BudgetBar spend={o.spend} limit={o.max_budget} duration={o.budget_duration} wide /><Pace row={o} /></Panel>
              <Panel title="Spend by model"><SpendByModel spend={o.model_spend} /></Panel>
              <Panel title="About"><Facts rows={[['Models', <Models key="m" models={o.models} most={30} />], ['Created', <When key="c" at={o.created_at} />], ['Changed', <When key="u" at={o.updated_at} />]]} /></Panel>
              <Panel title="Limits"><Limits row={o} /></Panel>
              {!!o.max_budget && <div style={{ gridColumn: '1 / -1' }}><BudgetBurn scope="organization" id={id} /></div>}
            </SimpleGrid>
          ) },
          { id: 'teams', label: 'Teams', page: <OrganizationTeams organization={id} /> },
          { id: 'members', label: 'Members', page: <OrganizationMembers organization={id} rows={(o?.members ?? []) as OrganizationMember[]} may={may} /> },
          { id: 'limits', label: 'Limits in force', page: <LimitsInForce of={{ organization_id: id }} /> },
          { id: 'logs', label: 'Logs', page: <LogList scope={{ organization_id: id }} /> },
        ]} />
      {edit && o && <FormModal title={`Edit ${o.organization_alias}`} action="Save changes" sections={organizationForm} row={o} onClose={() => setEdit(false)} send={async (b) => { await update.mutateAsync({ params: { organization_id: id }, body: b as BodyOf<'/v2/organization/{organization_id}', 'patch'> }); say('Saved.') }} />}
    </>
  )
}
