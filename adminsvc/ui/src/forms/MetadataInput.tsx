import { ActionIcon, Button, Group, Input, Stack, TextInput } from '@mantine/core'
import { IconPlus, IconTrash } from '@tabler/icons-react'
import { useState } from 'react'

type Props = { label: string; description?: React.ReactNode; value: Record<string, unknown>; onChange: (v: Record<string, unknown>) => void; error?: React.ReactNode }

function parse(s: string): unknown {
  try {
    return JSON.parse(s)
  } catch {
    return s
  }
}
const show = (v: unknown) => (typeof v === 'string' && typeof parse(v) === 'string' && !v.startsWith('"') ? v : JSON.stringify(v))

/** Names and values; a value that is JSON is kept as that. */
export function MetadataInput({ label, description, value, onChange, error }: Props) {
  const [rows, setRows] = useState(() => Object.entries(value).map(([name, v]) => ({ name, text: show(v) })))
  const change = (next: typeof rows) => {
    setRows(next)
    onChange(Object.fromEntries(next.filter((r) => r.name).map((r) => [r.name, parse(r.text)])))
  }
  return (
    <Input.Wrapper label={label} description={description} error={error} labelElement="div">
      <Stack gap={6} mt={4}>
        {rows.map((r, i) => (
          <Group key={i} gap={6} wrap="nowrap">
            <TextInput aria-label={`${label}: name ${i + 1}`} placeholder="cost_center" value={r.name} onChange={(e) => change(rows.with(i, { ...r, name: e.currentTarget.value }))} style={{ flex: 1 }} />
            <TextInput aria-label={`${label}: value ${i + 1}`} placeholder="CC-100" value={r.text} onChange={(e) => change(rows.with(i, { ...r, text: e.currentTarget.value }))} style={{ flex: 2 }} />
            <ActionIcon variant="subtle" color="gray" aria-label={`Remove ${r.name || 'row'}`} onClick={() => change(rows.toSpliced(i, 1))}><IconTrash size={16} /></ActionIcon>
          </Group>
        ))}
        <div><Button size="compact-sm" variant="subtle" leftSection={<IconPlus size={14} />} onClick={() => setRows([...rows, { name: '', text: '' }])}>Add metadata</Button></div>
      </Stack>
    </Input.Wrapper>
  )
}
