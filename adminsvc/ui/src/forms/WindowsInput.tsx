import { ActionIcon, Button, Group, Input, NumberInput, Stack } from '@mantine/core'
import { IconPlus, IconTrash } from '@tabler/icons-react'
import { DurationInput } from './DurationInput'

export type Window = { budget_duration: string; max_budget: number | '' }
type Props = { label: string; description?: React.ReactNode; value: Window[]; onChange: (v: Window[]) => void; error?: React.ReactNode }

/** Budgets that hold at once, each with its own length. */
export function WindowsInput({ label, description, value, onChange, error }: Props) {
  return (
    <Input.Wrapper label={label} description={description} error={error} labelElement="div">
      <Stack gap={6} mt={4}>
        {value.map((w, i) => (
          <Group key={i} gap={6} wrap="nowrap">
            <NumberInput aria-label={`Budget of window ${i + 1}`} leftSection="$" min={0} decimalScale={9} placeholder="50.00" value={w.max_budget} onChange={(v) => onChange(value.with(i, { ...w, max_budget: typeof v === 'number' ? v : '' }))} style={{ flex: 1 }} />
            <div style={{ flex: 1 }}><DurationInput label="" aria-label={`Length of window ${i + 1}`} placeholder="Each month" value={w.budget_duration} onChange={(v) => onChange(value.with(i, { ...w, budget_duration: v }))} /></div>
            <ActionIcon variant="subtle" color="gray" aria-label={`Remove window ${i + 1}`} onClick={() => onChange(value.toSpliced(i, 1))}><IconTrash size={16} /></ActionIcon>
          </Group>
        ))}
        <div><Button size="compact-sm" variant="subtle" leftSection={<IconPlus size={14} />} onClick={() => onChange([...value, { budget_duration: value.length ? '30d' : '1d', max_budget: '' }])}>Add a window</Button></div>
      </Stack>
    </Input.Wrapper>
  )
}
