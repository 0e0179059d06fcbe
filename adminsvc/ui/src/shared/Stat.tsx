import { Skeleton, Text } from '@mantine/core'
import type { ReactNode } from 'react'

/** A figure with its name; what is not known yet is not a zero. */
export function Stat({ label, value, more, loading }: { label: string; value: ReactNode; more?: ReactNode; loading?: boolean }) {
  return (
    <div style={{ minWidth: 0 }}>
      <Text size="xs" c="dimmed" fw={500}>{label}</Text>
      {loading ? <Skeleton height={20} width={90} my={5} /> : <Text fz={24} fw={650} lh={1.25} style={{ fontVariantNumeric: 'tabular-nums' }} component="div">{value}</Text>}
      {more && !loading && <Text size="xs" c="dimmed" component="div">{more}</Text>}
    </div>
  )
}
