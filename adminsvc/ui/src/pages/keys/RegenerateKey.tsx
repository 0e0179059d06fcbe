import { Button, Group, Modal, Select, Stack, Text } from '@mantine/core'
import { useState } from 'react'
import type { BodyOf } from '../../api/client'
import { useSend } from '../../api/queries'
import type { Key } from '../../api/rows'
import { ErrorBox } from '../../shared/ErrorBox'
import type { NewKey } from './KeyShown'
import { useReturnFocus } from '../../shared/useReturnFocus'

/** A new secret for a key; the old one may live on for a while. */
export function RegenerateKey({ row, onClose, onMade }: { row: Key; onClose: () => void; onMade: (k: NewKey) => void }) {
  useReturnFocus()
  const again = useSend('post', '/key/{key}/regenerate')
  const [grace, setGrace] = useState<string | null>(null)
  const name = row.key_alias || row.key_name || ''
  return (
    <Modal opened onClose={onClose} title={<Text fw={650} size="lg" component="h2" m={0}>Regenerate {name}</Text>} size={460}>
      <Stack gap="md">
        <Text size="sm">It gets a new secret; limits, spend and settings stay.</Text>
        <Select label="The old secret" description="Time to roll the new one out." value={grace ?? ''} onChange={(v) => setGrace(v || null)} allowDeselect={false}
          data={[{ value: '', label: 'Is refused at once' }, { value: '1h', label: 'Works for another hour' }, { value: '24h', label: 'Works for another day' }, { value: '7d', label: 'Works for another week' }]} />
        <ErrorBox error={again.error} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>Cancel</Button>
          <Button loading={again.isPending} onClick={() => again.mutate({ params: { key: row.token! }, body: (grace ? { grace_period: grace } : {}) as BodyOf<'/key/{key}/regenerate', 'post'> },
            { onSuccess: (made) => { onClose(); onMade({ key: made.key!, name: made.key_alias ?? name, models: made.models ?? [], token: made.token ?? made.token_id ?? '' }) } })}>Regenerate</Button>
        </Group>
      </Stack>
    </Modal>
  )
}
