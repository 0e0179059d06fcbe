import { Button, Menu } from '@mantine/core'
import { IconFolders, IconKey, IconPlus, IconSettings, IconUser, IconUsers } from '@tabler/icons-react'
import { useNavigate } from 'react-router'
import { isAdmin, makesKeys, makesTeams, runsSomeTeam, writes } from '../api/may'
import { useWho } from '../api/session'
import { useProjectsOn } from '../api/settings'

/** What can be made from anywhere, and the way to the settings. */
export function NewMenu() {
  const who = useWho()
  const projects = useProjectsOn()
  const go = useNavigate()
  if (!writes(who)) return null
  const item = (label: string, Icon: typeof IconKey, to: string) => <Menu.Item leftSection={<Icon size={16} />} onClick={() => void go(to)}>{label}</Menu.Item>
  return (
    <Menu position="bottom-end" width={200}>
      <Menu.Target><Button size="xs" h={34} leftSection={<IconPlus size={16} />}>New</Button></Menu.Target>
      <Menu.Dropdown>
        {makesKeys(who) && item('Virtual key', IconKey, '/keys?new=1')}
        {projects && runsSomeTeam(who) && item('Project', IconFolders, '/projects?new=1')}
        {makesTeams(who) && item('Team', IconUsers, '/teams?new=1')}
        {isAdmin(who) && item('Internal user', IconUser, '/users?new=1')}
        {isAdmin(who) && <><Menu.Divider />{item('Admin Settings', IconSettings, '/settings')}</>}
      </Menu.Dropdown>
    </Menu>
  )
}
