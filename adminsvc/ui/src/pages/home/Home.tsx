import { IconHome } from '@tabler/icons-react'
import { PageHead } from '../../shared/PageHead'

export default function Home() {
  return <PageHead icon={IconHome} title="Home" />
}
