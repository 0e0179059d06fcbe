import { Stack, Text, TextInput } from '@mantine/core'
import { Button, Group, Modal } from '@mantine/core'
import { type ReactNode, useState } from 'react'
import { ErrorBox } from './ErrorBox'
import { useReturnFocus } from './useReturnFocus'

type Props = { title: string; action: string; children: ReactNode; /** What must be typed, where it cannot be undone. */ name?: string; danger?: boolean; onClose: () => void; run: () => Promise<unknown> }

/** Says what will happen to whom, and asks. The reason of a refusal is shown here. */
export function Confirm({ title, action, children, name, danger = true, onClose, run }: Props) {
  useReturnFocus()
  const [typed, setTyped] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const go = () => {
    setBusy(true)
    setError(null)
    run().then(onClose, setError).finally(() => setBusy(false))
  }
  return (
    <Modal opened onClose={onClose} title={<Text fw={650} size="lg" component="h2" m={0}>{title}</Text>} size={480}>
      <form onSubmit={(e) => { e.preventDefault(); go() }}>
        <Stack gap="md">
          <Text size="sm" component="div">{children}</Text>
          {name && <TextInput label={<>Type <b>{name}</b> to confirm</>} value={typed} onChange={(e) => setTyped(e.currentTarget.value)} data-autofocus autoComplete="off" />}
          <ErrorBox error={error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>Cancel</Button>
            <Button type="submit" color={danger ? 'red' : undefined} loading={busy} disabled={!!name && typed !== name}>{action}</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}
