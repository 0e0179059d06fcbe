import { Badge, Group, Text, Tooltip } from '@mantine/core'

/** The models something may call: the first few, the rest on hover. */
export function Models({ models, all = 'All models', most = 2 }: { models: string[] | null | undefined; all?: string; most?: number }) {
  if (!models?.length) return <Text size="sm" c="dimmed">{all}</Text>
  const rest = models.slice(most)
  return (
    <Group gap={4} wrap={most > 5 ? 'wrap' : 'nowrap'}>
      {models.slice(0, most).map((m) => <Badge key={m} color="gray" variant="light">{m}</Badge>)}
      {rest.length > 0 && <Tooltip label={rest.join(', ')}><Badge color="gray" variant="outline" tabIndex={0}>+{rest.length}</Badge></Tooltip>}
    </Group>
  )
}
