import { Text } from '@mantine/core'
import { Link } from 'react-router'
import { useNames } from '../api/names'
import { scopeName } from './limit'

const pages: Record<string, string> = { project: 'projects', team: 'teams', organization: 'organizations', key: 'keys', user: 'users' }

/** Where a scope has its page; null for one that has none. */
export const scopePage = (scope: string | null | undefined, id: string | null | undefined) => (scope && id && pages[scope] ? `/${pages[scope]}/${encodeURIComponent(id)}` : null)

/** Whose limit it is: the level, and below it the name. */
export function ScopeOf({ of }: { of: { scope: string; scope_id?: string | null } }) {
  const names = useNames()
  const id = of.scope_id ?? ''
  const name = { project: names.projects, team: names.teams, organization: names.organizations }[of.scope]?.get(id) ?? (of.scope === 'key' ? null : id)
  const to = scopePage(of.scope, id)
  return (
    <div style={{ minWidth: 0 }}>
      <Text size="sm" fw={500}>{to ? <Link className="plain" to={to}>{scopeName(of.scope)}</Link> : scopeName(of.scope)}</Text>
      {name && <Text size="xs" c="dimmed" className="clip" maw={170} title={name}>{name}</Text>}
    </div>
  )
}
