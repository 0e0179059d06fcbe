import { Group, Text } from '@mantine/core'
import type { ReactNode } from 'react'

/** The frame of the pages before the app: sign-in, an invitation. */
export function Entrance({ children }: { children: ReactNode }) {
  return (
    <main style={{ minHeight: '100dvh', display: 'grid', placeItems: 'center', padding: 16 }}>
      <div style={{ width: 'min(400px, 100%)' }}>
        <Group gap={10} mb="lg" justify="center"><img src="/ui/icon.svg" width={32} height={32} alt="" /><Text fw={700} fz={20}>Purser</Text></Group>
        <div className="card" style={{ padding: 28 }}>{children}</div>
        <Text size="xs" c="dimmed" ta="center" mt="md">Keys, budgets and limits of this LLM gateway</Text>
      </div>
    </main>
  )
}
