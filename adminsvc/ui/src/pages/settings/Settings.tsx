import { Badge, Group, Tabs } from '@mantine/core'
import { IconSettings } from '@tabler/icons-react'
import { useSearchParams } from 'react-router'
import { isAdmin } from '../../api/may'
import { useWho } from '../../api/session'
import { PageHead } from '../../shared/PageHead'
import { Password } from './Password'
import { UISettings } from './UISettings'

/** Admin Settings; to others their password. */
export default function Settings() {
  const [params, setParams] = useSearchParams()
  const who = useWho()
  if (!isAdmin(who)) return <><PageHead icon={IconSettings} title="Settings" about="What the whole gateway is set to, proxy admins see and change." /><Password /></>
  return (
    <>
      <PageHead icon={IconSettings} title="Admin Settings" about="What this gateway’s people see, and your own password." />
      <Tabs value={params.get('tab') ?? 'ui'} onChange={(v) => setParams(v === 'ui' || !v ? {} : { tab: v }, { replace: true })}>
        <Tabs.List mb="md">
          <Tabs.Tab value="ui"><Group gap={8}>UI Settings<Badge size="xs">New</Badge></Group></Tabs.Tab>
          <Tabs.Tab value="password">Your password</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="ui"><UISettings /></Tabs.Panel>
        <Tabs.Panel value="password"><Password /></Tabs.Panel>
      </Tabs>
    </>
  )
}
