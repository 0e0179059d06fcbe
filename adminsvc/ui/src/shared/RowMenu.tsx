import { ActionIcon, Menu } from '@mantine/core'
import { IconDots } from '@tabler/icons-react'
import { type ReactNode, useState } from 'react'

/** What can be done with a row. Until it is first opened only its button is there: a list has many. */
export function RowMenu({ name, children }: { name: string; children: ReactNode }) {
  const [opened, setOpened] = useState<boolean | null>(null)
  if (opened === null) return <button type="button" className="small-button" data-row aria-label={`Actions for ${name}`} aria-haspopup="menu" aria-expanded={false} onClick={() => setOpened(true)}><IconDots size={17} /></button>
  return (
    <Menu position="bottom-end" width={190} withinPortal opened={opened} onChange={setOpened}>
      <Menu.Target><ActionIcon variant="subtle" color="gray" aria-label={`Actions for ${name}`}><IconDots size={17} /></ActionIcon></Menu.Target>
      <Menu.Dropdown>{children}</Menu.Dropdown>
    </Menu>
  )
}
