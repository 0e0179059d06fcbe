import { IconListDetails } from '@tabler/icons-react'
import { PageHead } from '../../shared/PageHead'
import { LogList } from './LogList'

export default function Logs() {
  return <><PageHead icon={IconListDetails} title="Logs" about="Every request that reached a provider: whose it was, where it went, what it cost." /><LogList /></>
}
