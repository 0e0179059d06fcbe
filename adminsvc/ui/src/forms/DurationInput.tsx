import { Autocomplete } from '@mantine/core'
import { durationOptions } from './spec'

type Props = { label: string; value: string; onChange: (v: string) => void; error?: React.ReactNode; description?: React.ReactNode; placeholder?: string; 'aria-label'?: string; size?: string; w?: number }

/** How often a budget starts anew: a common choice, or a length like 12h. */
export function DurationInput({ value, onChange, placeholder, ...rest }: Props) {
  const named = durationOptions.find((o) => o.value === value)?.label ?? value
  return (
    <Autocomplete {...rest} value={named} data={durationOptions.map((o) => o.label)} placeholder={placeholder ?? 'Never'} clearable
      onChange={(v) => onChange(durationOptions.find((o) => o.label === v)?.value ?? v)} filter={({ options }) => options} />
  )
}
