import { Button } from '@mantine/core'
import { IconFolders, IconPlus } from '@tabler/icons-react'
import { runsSomeTeam } from '../../api/may'
import { useWho } from '../../api/session'
import { PageHead } from '../../shared/PageHead'
import { useListState } from '../../shared/useListState'
import { ProjectTable } from './ProjectTable'

export default function Projects() {
  const who = useWho()
  const list = useListState()
  return (
    <>
      <PageHead icon={IconFolders} title="Projects" about="Use cases within a team: each with its own keys, models, budget and limits.">
        {runsSomeTeam(who) && <Button leftSection={<IconPlus size={16} />} onClick={() => list.set({ new: '1' })}>Create Project</Button>}
      </PageHead>
      <ProjectTable />
    </>
  )
}
