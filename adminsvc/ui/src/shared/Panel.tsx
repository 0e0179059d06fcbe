import { Group, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'

/** A card with a title. */
export function Panel({ title, about, right, children, pad = true }: { title: string; about?: ReactNode; right?: ReactNode; children: ReactNode; pad?: boolean }) {
  return (
    <section className="card" aria-label={title} style={{ minWidth: 0 }}>
      <Group justify="space-between" px="md" pt="sm" pb={pad ? 0 : 'xs'} gap="xs" align="flex-start">
        <div><Title order={2}>{title}</Title>{about && <Text size="xs" c="dimmed">{about}</Text>}</div>
        {right}
      </Group>
      <div style={pad ? { padding: '10px 16px 16px' } : undefined}>{children}</div>
    </section>
  )
}
