import { Badge, Group, Stack, Text } from '@mantine/core'
import { amount, kindName, type Limit, windowName } from './limit'
import { Meter } from './Meter'
import { ScopeOf } from './ScopeOf'

/** The limits a decision met, as they were at that moment: used by others before it, held for it, and what that left. */
export function MarkList({ rows, refused }: { rows: Limit[]; refused?: boolean }) {
  return (
    <Stack gap={12} role="list" aria-label="Limits at that moment">
      {rows.map((l, i) => (
        <Group key={i} role="listitem" gap="md" wrap="nowrap" align="flex-start">
          <div style={{ flex: '0 0 120px', minWidth: 0 }}><ScopeOf of={l} /></div>
          <div style={{ flex: 1, minWidth: 0 }}>
            <Text size="sm">{kindName(l.kind)} {windowName(l.window)}{l.model && <Text span size="sm" c="dimmed"> · {l.model}</Text>} {l.refuses && <Badge size="sm" color="red">{l.shadow ? 'Would have refused' : 'Refused'}</Badge>}</Text>
            {l.hidden || l.limit === null ? <Text size="xs" c="dimmed">Its owner sees the figures.</Text> : <>
              <Meter used={Math.max(0, l.used ?? 0)} held={refused ? 0 : (l.asked ?? 0)} limit={l.limit} label={`${kindName(l.kind)} of the ${l.scope}: ${amount(l.used, l.unit)} of ${amount(l.limit, l.unit)} used before`} />
              <Text size="xs" c="dimmed" mt={3} style={{ fontVariantNumeric: 'tabular-nums' }}>{amount(l.used, l.unit)} of {amount(l.limit, l.unit)} used before · {refused ? 'needed' : 'held'} {amount(l.asked, l.unit)} · {amount(l.remaining, l.unit)} left</Text>
            </>}
          </div>
        </Group>
      ))}
    </Stack>
  )
}
