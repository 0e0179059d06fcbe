import { Badge, Group } from '@mantine/core'
import { Link } from 'react-router'
import { Id } from './Id'

type Props = { to: string; name: string; id?: string | null; blocked?: boolean | null; badge?: React.ReactNode }

/** A row's first cell: its name over its id. */
export function NameCell({ to, name, id, blocked, badge }: Props) {
  return (
    <div style={{ minWidth: 0 }}>
      <Group gap={6} wrap="nowrap">
        <Link className="name clip" to={to} style={{ maxWidth: 260 }} title={name}>{name}</Link>
        {blocked && <Badge size="sm" color="red">Blocked</Badge>}
        {badge}
      </Group>
      {id && <Id value={id} width={190} />}
    </div>
  )
}
