import { Avatar, Menu, Text, UnstyledButton, VisuallyHidden } from '@mantine/core'
import { IconBook, IconLock, IconLogout } from '@tabler/icons-react'
import { Link } from 'react-router'
import { useSession, useWho } from '../api/session'
import { roleName } from '../shared/roles'

/** Who is signed in, in which role; the way out. */
export function AccountMenu({ slim }: { slim: boolean }) {
  const who = useWho()
  const { signOut } = useSession()
  const name = who.email ?? (who.method === 'master_key' ? 'Master key' : who.userId) ?? 'You'
  return (
    <Menu position="top-start" width={220}>
      <Menu.Target>
        <UnstyledButton aria-label={slim ? `Account of ${name}` : undefined} style={{ display: 'flex', gap: 10, alignItems: 'center', minWidth: 0, padding: 4, borderRadius: 8 }}>
          <Avatar size={30} radius="xl" color="sea" name={name} aria-hidden>{name.slice(0, 2).toUpperCase()}</Avatar>
          {!slim && <VisuallyHidden>Account of </VisuallyHidden>}
          {!slim && <div style={{ minWidth: 0, textAlign: 'left' }}><Text size="sm" fw={600} className="clip">{name}</Text><Text size="xs" c="dimmed" className="clip">{roleName(who.role)}</Text></div>}
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{name} · {roleName(who.role)}</Menu.Label>
        {who.hasPassword && <Menu.Item leftSection={<IconLock size={16} />} component={Link} to="/settings?tab=password">Change your password</Menu.Item>}
        <Menu.Item leftSection={<IconBook size={16} />} component="a" href="/docs" target="_blank">API description</Menu.Item>
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void signOut()}>Sign out</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
