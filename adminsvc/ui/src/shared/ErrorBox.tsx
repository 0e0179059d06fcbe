import { Alert, Button, Text } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { ApiError } from '../api/errors'

/** An error with what to do about it. */
export function ErrorBox({ error, retry }: { error: unknown; retry?: () => void }) {
  if (!error) return null
  const e = error instanceof ApiError ? error : new ApiError(500, error instanceof Error ? error.message : String(error), '', null)
  return (
    <Alert color="red" variant="light" icon={<IconAlertTriangle size={18} />} title={e.message} role="alert">
      <Text size="sm" c="var(--mantine-color-text)">{e.advice}</Text>
      {retry && <Button mt="xs" size="xs" variant="default" onClick={retry}>Try again</Button>}
    </Alert>
  )
}
