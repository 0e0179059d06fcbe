import { ActionIcon, Menu } from '@mantine/core'
import { IconDots } from '@tabler/icons-react'
import type { ReactNode } from 'react'

/** What can be done with a row. */
export function RowMenu({ name, children }: { name: string; children: ReactNode }) {
  return (
    <Menu position="bottom-end" width={190} withinPortal>
      <Menu.Target><ActionIcon variant="subtle" color="gray" aria-label={`Actions for ${name}`}><IconDots size={17} /></ActionIcon></Menu.Target>
      <Menu.Dropdown>{children}</Menu.Dropdown>
    </Menu>
  )
}
