import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { call } from './client'
import { useApi } from './queries'
import type { Organization, Project, Team } from './rows'
import { useWho } from './session'

/** A project as lists and selects need it: they are many. */
export type NamedProject = Pick<Project, 'project_id' | 'project_alias' | 'team_id' | 'models'>

export type Names = { teams: ReadonlyMap<string, string>; projects: ReadonlyMap<string, string>; organizations: ReadonlyMap<string, string>; ready: boolean; teamRows: Team[]; projectRows: NamedProject[]; organizationRows: Organization[] }

/** The API lists teams in pages of at most 100. */
async function everyTeam(): Promise<Team[]> {
  const out: Team[] = []
  for (let page = 1; ; page++) {
    const part = await call('get', '/v2/team/list', { params: { page, page_size: 100 } })
    out.push(...((part.teams ?? []) as Team[]))
    if (page >= (part.total_pages ?? 0)) return out
  }
}

/** Names by id, of what the caller may see: lists show these where rows have ids. */
export function useNames(): Names {
  useWho()
  const teams = useQuery({ queryKey: ['/v2/team/list', 'all'], queryFn: everyTeam, staleTime: 60_000 })
  const projects = useApi('/project/list', { names: true }, { stale: 60_000 })
  const organizations = useApi('/organization/list', {}, { stale: 60_000 })
  return useMemo(() => {
    const teamRows = teams.data ?? []
    const projectRows = (projects.data ?? []) as NamedProject[]
    const organizationRows = (organizations.data ?? []) as Organization[]
    return {
      ready: teams.data !== undefined,
      teamRows,
      projectRows,
      organizationRows,
      teams: new Map(teamRows.map((t) => [t.team_id!, t.team_alias || t.team_id!])),
      projects: new Map(projectRows.map((p) => [p.project_id!, p.project_alias || p.project_id!])),
      organizations: new Map(organizationRows.map((o) => [o.organization_id!, o.organization_alias || o.organization_id!])),
    }
  }, [teams.data, projects.data, organizations.data])
}
