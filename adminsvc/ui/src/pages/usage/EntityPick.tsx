import { CustomerSelect, KeySelect, ModelSelect, OrganizationSelect, ProjectSelect, TeamSelect, UserSelect } from '../../forms/EntitySelect'
import { TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import type { Scope } from './activity'

/** One of a scope, or all. */
export function EntityPick({ scope, value, onChange }: { scope: Scope; value: string; onChange: (v: string | null) => void }) {
  const later = useDebouncedCallback((v: string) => onChange(v.trim()), 400)
  const props = { label: '', w: 190, value, onChange }
  switch (scope) {
    case 'project': return <ProjectSelect {...props} aria-label="Project" placeholder="All projects" />
    case 'team': return <TeamSelect {...props} aria-label="Team" placeholder="All teams" />
    case 'organization': return <OrganizationSelect {...props} aria-label="Organization" placeholder="All organizations" />
    case 'user': return <UserSelect {...props} aria-label="User" placeholder="All users" />
    case 'customer': return <CustomerSelect {...props} aria-label="Customer" placeholder="All customers" />
    case 'key': return <KeySelect {...props} aria-label="Key" placeholder="All keys" />
    case 'model': return <ModelSelect {...props} aria-label="Model" placeholder="All models" />
    default: return <TextInput key={scope} aria-label={scope} w={190} placeholder={`All ${scope}s`} defaultValue={value} onChange={(e) => later(e.currentTarget.value)} />
  }
}
