import { Button } from '@mantine/core'
import { IconKey, IconPlus } from '@tabler/icons-react'
import { useState } from 'react'
import { makesKeys } from '../../api/may'
import { useWho } from '../../api/session'
import { PageHead } from '../../shared/PageHead'
import { useListState } from '../../shared/useListState'
import { KeyList } from './KeyList'
import { KeyModal } from './KeyModal'
import { KeyShown, type NewKey } from './KeyShown'

export default function Keys() {
  const who = useWho()
  const list = useListState()
  const [made, setMade] = useState<NewKey | null>(null)
  return (
    <>
      <PageHead icon={IconKey} title="Virtual Keys" about="What applications call with: each with its own models, budget and limits.">
        {makesKeys(who) && <Button leftSection={<IconPlus size={16} />} onClick={() => list.set({ new: '1' })}>Create key</Button>}
      </PageHead>
      <KeyList />
      {list.get('new') && <KeyModal row={null} preset={{ team_id: list.get('team'), project_id: list.get('project') }} onClose={() => list.set({ new: null })} onMade={setMade} />}
      {made && <KeyShown made={made} onClose={() => setMade(null)} />}
    </>
  )
}
