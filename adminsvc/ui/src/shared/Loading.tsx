import { Skeleton, Stack } from '@mantine/core'

/** A page that is on its way. */
export function Loading() {
  return <Stack gap="md" role="status" aria-busy="true" aria-label="Loading"><Skeleton height={30} width={220} /><Skeleton height={120} /><Skeleton height={320} /></Stack>
}

/** A card that is on its way. */
export function LoadingLines() {
  return <Stack gap={14} role="status" aria-busy="true" aria-label="Loading">{[70, 90, 55, 80].map((w) => <Skeleton key={w} height={14} width={`${w}%`} />)}</Stack>
}
