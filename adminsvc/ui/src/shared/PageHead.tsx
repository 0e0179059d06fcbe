import { Group, Text, ThemeIcon, Title } from '@mantine/core'
import { type ComponentType, type ReactNode, useEffect } from 'react'

/** A page's title with one line on what it is, and its actions. */
export function PageHead({ icon: Icon, title, about, children }: { icon: ComponentType<{ size?: number }>; title: string; about?: ReactNode; children?: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Purser`
  }, [title])
  return (
    <Group justify="space-between" align="flex-start" mb="md" gap="sm">
      <Group gap="sm" wrap="nowrap" align="flex-start" style={{ minWidth: 0 }}>
        <ThemeIcon size={36} variant="light" visibleFrom="sm"><Icon size={20} /></ThemeIcon>
        <div style={{ minWidth: 0 }}>
          <Title order={1} style={{ overflowWrap: 'anywhere' }}>{title}</Title>
          {about && <Text size="sm" c="dimmed" component="div">{about}</Text>}
        </div>
      </Group>
      {children && <Group gap="xs">{children}</Group>}
    </Group>
  )
}
