import { Stack, Text, ThemeIcon } from '@mantine/core'
import type { ComponentType, ReactNode } from 'react'

/** What a page says when there is nothing yet: why to make one, and how. */
export function Empty({ icon: Icon, title, children, action }: { icon: ComponentType<{ size?: number }>; title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <Stack align="center" gap={6} py={48} px="md">
      <ThemeIcon size={44} radius="xl" variant="light"><Icon size={22} /></ThemeIcon>
      <Text fw={600} mt={6}>{title}</Text>
      <Text size="sm" c="dimmed" ta="center" maw={440}>{children}</Text>
      {action && <div style={{ marginTop: 8 }}>{action}</div>}
    </Stack>
  )
}
