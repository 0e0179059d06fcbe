import { Anchor } from '@mantine/core'
import { Link } from 'react-router'

/** From one thing to its usage by day. */
export function UsageOf({ by, id }: { by: 'project' | 'team' | 'organization' | 'user' | 'key'; id: string }) {
  return <Anchor component={Link} size="sm" to={`/usage?by=${by}&id=${encodeURIComponent(id)}`}>Usage by day</Anchor>
}
