import { Group, Stack, Text } from '@mantine/core'
import { money } from './format'
import { useColours } from './useColours'

/** What each model cost, the dearest first, as bars of the dearest. */
export function SpendByModel({ spend }: { spend: Record<string, unknown> | null | undefined }) {
  const colorOf = useColours()
  const rows = Object.entries((spend ?? {}) as Record<string, number>).filter(([, v]) => v > 0).sort((a, b) => b[1] - a[1])
  if (!rows.length) return <Text size="sm" c="dimmed">Nothing spent yet.</Text>
  const most = rows[0]![1]
  return (
    <Stack gap={10}>
      {rows.map(([model, v]) => (
        <div key={model}>
          <Group justify="space-between" gap={8} wrap="nowrap"><Text size="sm" className="clip" title={model}>{model}</Text><Text size="sm" className="num">{money(v)}</Text></Group>
          <div className="meter" aria-hidden style={{ marginTop: 3 }}><span style={{ width: `${(100 * v) / most}%`, background: colorOf(model) }} /></div>
        </div>
      ))}
    </Stack>
  )
}
