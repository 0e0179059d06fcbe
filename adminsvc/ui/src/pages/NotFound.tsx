import { Button } from '@mantine/core'
import { IconMapOff } from '@tabler/icons-react'
import { Link } from 'react-router'
import { Empty } from '../shared/Empty'

export default function NotFound() {
  return <div className="card"><Empty icon={IconMapOff} title="There is no such page" action={<Button component={Link} to="/" variant="default">Home</Button>}>The address may be of an older version.</Empty></div>
}
