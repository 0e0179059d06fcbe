import { Skeleton, Stack } from '@mantine/core'

/** A page that is on its way. */
export function Loading() {
  return <Stack gap="md" role="status" aria-busy="true" aria-label="Loading"><Skeleton height={30} width={220} /><Skeleton height={120} /><Skeleton height={320} /></Stack>
}
