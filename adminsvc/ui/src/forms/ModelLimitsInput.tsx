import { ActionIcon, Autocomplete, Button, Group, Input, NumberInput, Stack } from '@mantine/core'
import { IconPlus, IconTrash } from '@tabler/icons-react'
import { DurationInput } from './DurationInput'
import type { ModelLimit } from './modelLimits'
import { useModelNames } from './ModelsInput'

type Props = { label: string; description?: React.ReactNode; value: ModelLimit[]; onChange: (v: ModelLimit[]) => void; team?: string | null; project?: string | null; error?: React.ReactNode }

/** Budget, requests and tokens per minute of single models. */
export function ModelLimitsInput({ label, description, value, onChange, team, project, error }: Props) {
  const names = useModelNames(team, project)
  const number = (i: number, row: ModelLimit, name: 'budget' | 'rpm' | 'tpm', what: string, money?: boolean) => (
    <NumberInput aria-label={`${what} of ${row.model || 'the model'}`} placeholder={what} leftSection={money ? '$' : undefined} min={0} decimalScale={money ? 9 : 0} hideControls thousandSeparator={money ? undefined : ','}
      value={row[name]} onChange={(v) => onChange(value.with(i, { ...row, [name]: typeof v === 'number' ? v : '' }))} style={{ flex: '1 1 84px' }} />
  )
  return (
    <Input.Wrapper label={label} description={description} error={error} labelElement="div">
      <Stack gap={8} mt={4}>
        {value.map((r, i) => (
          <Group key={i} gap={6} align="flex-start">
            <Autocomplete aria-label={`Model ${i + 1}`} placeholder="Model" data={names} value={r.model} onChange={(v) => onChange(value.with(i, { ...r, model: v }))} style={{ flex: '2 1 150px' }} />
            {number(i, r, 'budget', 'Budget', true)}
            <div style={{ flex: '1 1 110px' }}><DurationInput label="" aria-label={`Budget of ${r.model || 'the model'} resets`} placeholder="Resets" value={r.period} onChange={(v) => onChange(value.with(i, { ...r, period: v }))} /></div>
            {number(i, r, 'rpm', 'Requests/min')}
            {number(i, r, 'tpm', 'Tokens/min')}
            <ActionIcon mt={6} variant="subtle" color="gray" aria-label={`Remove ${r.model || 'model'}`} onClick={() => onChange(value.toSpliced(i, 1))}><IconTrash size={16} /></ActionIcon>
          </Group>
        ))}
        <div><Button size="compact-sm" variant="subtle" leftSection={<IconPlus size={14} />} onClick={() => onChange([...value, { model: '', budget: '', period: '', rpm: '', tpm: '' }])}>Add a model</Button></div>
      </Stack>
    </Input.Wrapper>
  )
}
