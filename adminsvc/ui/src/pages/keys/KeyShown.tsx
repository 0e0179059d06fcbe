import { Alert, Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { useNavigate } from 'react-router'
import { useModelNames } from '../../forms/ModelsInput'
import { Copy } from '../../shared/Id'
import { useReturnFocus } from '../../shared/useReturnFocus'

export type NewKey = { key: string; name: string; models: string[]; token: string }

/** A new key, this once, with a call that works. */
export function KeyShown({ made, onClose }: { made: NewKey; onClose: () => void }) {
  useReturnFocus()
  const names = useModelNames()
  const go = useNavigate()
  const model = made.models[0] ?? names[0] ?? 'gpt-4'
  const curl = `curl ${location.origin}/v1/chat/completions \\\n  -H 'Authorization: Bearer ${made.key}' \\\n  -H 'Content-Type: application/json' \\\n  -d '{"model": "${model}", "messages": [{"role": "user", "content": "Hello"}]}'`
  return (
    <Modal opened onClose={onClose} title={<Text fw={650} size="lg" component="h2" m={0}>{made.name ? `The key of ${made.name}` : 'Your new key'}</Text>} size={680} closeOnClickOutside={false} closeOnEscape={false}>
      <Stack gap="md">
        <Alert color="orange" variant="light" icon={<IconAlertTriangle size={18} />} py={8}>Copy it now. Only its hash is kept: nobody can show it again.</Alert>
        <TextInput label="Key" value={made.key} readOnly classNames={{ input: 'mono' }} rightSection={<Copy value={made.key} what="key" />} onFocus={(e) => e.currentTarget.select()} data-autofocus />
        <div>
          <Group justify="space-between"><Text size="sm" fw={500}>A first call</Text><Copy value={curl} what="command" /></Group>
          <pre className="pre" tabIndex={0} aria-label="A first call with curl">{curl}</pre>
        </div>
        <Group justify="flex-end"><Button variant="default" onClick={() => void go('/playground', { state: { key: made.key } })}>Try it in the Playground</Button><Button onClick={onClose}>I have stored it</Button></Group>
      </Stack>
    </Modal>
  )
}
