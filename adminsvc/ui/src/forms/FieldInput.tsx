import { MultiSelect, NumberInput, PasswordInput, Select, Switch, TagsInput, Textarea, TextInput } from '@mantine/core'
import { runsTeam } from '../api/may'
import { useWho } from '../api/session'
import { DurationInput } from './DurationInput'
import { AccessGroupsSelect, BudgetSelect, OrganizationSelect, ProjectSelect, TeamSelect, UserSelect } from './EntitySelect'
import { MetadataInput } from './MetadataInput'
import type { ModelLimit } from './modelLimits'
import { ModelLimitsInput } from './ModelLimitsInput'
import { ModelsInput } from './ModelsInput'
import type { Field, Values } from './spec'
import { type Window, WindowsInput } from './WindowsInput'

type Props = { field: Field; values: Values; onChange: (v: unknown) => void; error?: React.ReactNode; disabled?: boolean; first?: boolean }

/** One field of a form, by its kind. */
export function FieldInput({ field: f, values, onChange, error, disabled, first }: Props) {
  const who = useWho()
  const v = values[f.name]
  const base = { label: f.label, description: f.help, error, placeholder: f.placeholder, required: f.required, withAsterisk: f.required, disabled, 'data-autofocus': first || undefined }
  const text = (v ?? '') as string
  const scope = f.modelsOf?.(values) ?? {}
  switch (f.kind) {
    case 'text': return <TextInput {...base} value={text} onChange={(e) => onChange(e.currentTarget.value)} />
    case 'area': return <Textarea {...base} autosize minRows={2} maxRows={6} value={text} onChange={(e) => onChange(e.currentTarget.value)} />
    case 'password': return <PasswordInput {...base} value={text} onChange={(e) => onChange(e.currentTarget.value)} autoComplete="new-password" />
    case 'int': return <NumberInput {...base} min={0} allowDecimal={false} thousandSeparator="," placeholder={f.placeholder ?? 'No limit'} value={v as number | ''} onChange={(n) => onChange(n)} hideControls />
    case 'money': return <NumberInput {...base} min={0} decimalScale={9} leftSection="$" thousandSeparator="," placeholder={f.placeholder ?? 'No limit'} value={v as number | ''} onChange={(n) => onChange(n)} hideControls />
    case 'duration': return <DurationInput {...base} value={text} onChange={onChange} />
    case 'moment': return <TextInput {...base} type="datetime-local" value={text} onChange={(e) => onChange(e.currentTarget.value)} />
    case 'switch': return <Switch {...base} label={f.label} description={f.help} checked={v === true} onChange={(e) => onChange(e.currentTarget.checked)} mt={6} />
    case 'select': return <Select {...base} data={f.options ?? []} value={text || null} onChange={(x) => onChange(x ?? '')} clearable={!f.required} />
    case 'multi': return <MultiSelect {...base} data={f.options ?? []} value={v as string[]} onChange={onChange} clearable searchable />
    case 'tags': return <TagsInput {...base} value={v as string[]} onChange={onChange} />
    case 'models': return <ModelsInput {...base} value={v as string[]} onChange={onChange} {...scope} disabledBy={f.needs?.(values)} />
    case 'metadata': return <MetadataInput {...base} value={v as Record<string, unknown>} onChange={onChange} />
    case 'windows': return <WindowsInput {...base} value={v as Window[]} onChange={onChange} />
    case 'modelLimits': return <ModelLimitsInput {...base} value={v as ModelLimit[]} onChange={onChange} {...scope} />
    case 'team': return <TeamSelect {...base} value={text} onChange={onChange} only={(t) => runsTeam(who, t) || who.teams.includes(t)} />
    case 'project': return <ProjectSelect {...base} value={text} onChange={onChange} team={values.team_id as string} />
    case 'user': return <UserSelect {...base} value={text} onChange={onChange} />
    case 'organization': return <OrganizationSelect {...base} value={text} onChange={onChange} />
    case 'budget': return <BudgetSelect {...base} value={text} onChange={onChange} />
    case 'accessGroups': return <AccessGroupsSelect {...base} value={v as string[]} onChange={onChange} />
  }
}
