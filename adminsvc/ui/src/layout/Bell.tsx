import { ActionIcon, Indicator, Menu, Text } from '@mantine/core'
import { IconBell } from '@tabler/icons-react'
import { useNavigate } from 'react-router'
import { useRows } from '../api/raw'

/** What is wrong with the gateway, for who runs it: here and on Home, nowhere else. */
export function Bell() {
  const go = useNavigate()
  const { data, error } = useRows<{ problems: string[] }>('/health/system', {}, { every: 60_000 })
  const problems = error ? [error.message] : (data?.problems ?? [])
  return (
    <Indicator disabled={!problems.length} color="red" size={8} offset={6}>
      <Menu position="bottom-end" width={320}>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" size={34} aria-label={problems.length ? `Warnings: ${problems.length}` : 'No warnings'}><IconBell size={18} /></ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {problems.length ? problems.map((p) => <Menu.Item key={p} color="red" onClick={() => void go('/')}>{p.replace(/^./, (c) => c.toUpperCase())}</Menu.Item>) : <Text size="sm" c="dimmed" p="xs">All is well.</Text>}
        </Menu.Dropdown>
      </Menu>
    </Indicator>
  )
}
