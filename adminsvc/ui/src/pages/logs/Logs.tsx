import { Tabs } from '@mantine/core'
import { IconListDetails } from '@tabler/icons-react'
import { useSearchParams } from 'react-router'
import { seesAll } from '../../api/may'
import { useWho } from '../../api/session'
import { PageHead } from '../../shared/PageHead'
import { Audit } from './Audit'
import { LogList } from './LogList'
import { Refusals } from './Refusals'

/** Requests that ran, requests that were refused, and changes. */
export default function Logs() {
  const who = useWho()
  const [params, setParams] = useSearchParams()
  const asked = params.get('tab')
  const tab = asked === 'refusals' || (asked === 'audit' && seesAll(who)) ? asked : 'requests'
  return (
    <>
      <PageHead icon={IconListDetails} title="Logs" about="Whose request it was, where it went, what it cost; what was refused, and why." />
      <Tabs value={tab} onChange={(v) => setParams(v && v !== 'requests' ? { tab: v } : {})}>
        <Tabs.List mb="md"><Tabs.Tab value="requests">Requests</Tabs.Tab><Tabs.Tab value="refusals">Refusals</Tabs.Tab>{seesAll(who) && <Tabs.Tab value="audit">Audit</Tabs.Tab>}</Tabs.List>
        <Tabs.Panel value="requests"><LogList /></Tabs.Panel>
        <Tabs.Panel value="refusals"><Refusals /></Tabs.Panel>
        <Tabs.Panel value="audit"><Audit /></Tabs.Panel>
      </Tabs>
    </>
  )
}
