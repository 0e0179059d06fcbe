import { Text } from '@mantine/core'
import type { ReactNode } from 'react'

/** A figure with its name. */
export function Stat({ label, value, more }: { label: string; value: ReactNode; more?: ReactNode }) {
  return (
    <div style={{ minWidth: 0 }}>
      <Text size="xs" c="dimmed" fw={500}>{label}</Text>
      <Text fz={24} fw={650} lh={1.25} style={{ fontVariantNumeric: 'tabular-nums' }} component="div">{value}</Text>
      {more && <Text size="xs" c="dimmed" component="div">{more}</Text>}
    </div>
  )
}
