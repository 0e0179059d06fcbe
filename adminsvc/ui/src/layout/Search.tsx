import { Spotlight, type SpotlightActionGroupData } from '@mantine/spotlight'
import { IconBuilding, IconFolders, IconKey, IconSearch, IconUser, IconUsers } from '@tabler/icons-react'
import { useState } from 'react'
import { useNavigate } from 'react-router'
import { useApi } from '../api/queries'
import { type Who, useWho } from '../api/session'
import { useProjectsOn } from '../api/settings'
import { useNames } from '../api/names'
import type { Key, User } from '../api/rows'
import { seesAll } from '../api/may'
import { placesFor } from './nav'

/** Ctrl-K: pages, and what has a name. */
export function Search() {
  const who: Who = useWho()
  const projects = useProjectsOn()
  const go = useNavigate()
  const [q, setQ] = useState('')
  const words = q.trim().toLowerCase()
  const names = useNames()
  const keys = useApi('/key/list', { search: words, size: 6, return_full_object: true, include_team_keys: true, sort_by: 'key_alias', sort_order: 'asc' }, { enabled: words.length > 1 })
  const users = useApi('/user/list', { search: words, page_size: 6 }, { enabled: words.length > 1 && seesAll(who) })
  const hit = (map: ReadonlyMap<string, string>) => [...map].filter(([id, name]) => words && (name.toLowerCase().includes(words) || id.toLowerCase() === words)).slice(0, 6)
  const groups: SpotlightActionGroupData[] = [
    { group: 'Pages', actions: placesFor(who, projects).flatMap((g) => g.places).filter((p) => p.label.toLowerCase().includes(words)).map((p) => ({ id: p.to, label: p.label, leftSection: <p.icon size={18} />, onClick: () => void go(p.to) })) },
    { group: 'Projects', actions: hit(names.projects).map(([id, label]) => ({ id: `p${id}`, label, description: id, leftSection: <IconFolders size={18} />, onClick: () => void go(`/projects/${encodeURIComponent(id)}`) })) },
    { group: 'Teams', actions: hit(names.teams).map(([id, label]) => ({ id: `t${id}`, label, description: id, leftSection: <IconUsers size={18} />, onClick: () => void go(`/teams/${encodeURIComponent(id)}`) })) },
    { group: 'Organizations', actions: hit(names.organizations).map(([id, label]) => ({ id: `o${id}`, label, description: id, leftSection: <IconBuilding size={18} />, onClick: () => void go(`/organizations/${encodeURIComponent(id)}`) })) },
    { group: 'Users', actions: (words.length > 1 && seesAll(who) ? ((users.data?.users ?? []) as User[]) : []).map((u) => ({ id: `u${u.user_id}`, label: u.user_alias || u.user_email || u.user_id!, description: u.user_id!, leftSection: <IconUser size={18} />, onClick: () => void go(`/users/${encodeURIComponent(u.user_id!)}`) })) },
    { group: 'Virtual keys', actions: (words.length > 1 ? ((keys.data?.keys ?? []) as Key[]) : []).map((k) => ({ id: `k${k.token}`, label: k.key_alias ?? k.key_name ?? '', description: k.key_name ?? '', leftSection: <IconKey size={18} />, onClick: () => void go(`/keys/${k.token}`) })) },
  ]
  return (
    <Spotlight actions={groups.filter((g) => g.actions.length)} shortcut={['mod + K']} tagsToIgnore={[]} attributes={{ content: { 'aria-label': 'Search' } }} query={q} onQueryChange={setQ} filter={(_, all) => all} nothingFound="Nothing of that name" scrollable maxHeight={420}
      searchProps={{ leftSection: <IconSearch size={18} />, placeholder: 'Pages, projects, teams, users, keys', 'aria-label': 'Search' }} />
  )
}
